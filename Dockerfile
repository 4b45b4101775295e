FROM rust:1.95-bookworm AS build
# For librdkafka and OpenSSL, which are built from source; the full image has them, slim ones do not.
RUN apt-get update \
 && apt-get install -y --no-install-recommends g++ make perl ca-certificates \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# Dependencies stay in the caches, so that a change of our own code rebuilds only that.
RUN --mount=type=cache,id=greenroom-registry,target=/usr/local/cargo/registry \
    --mount=type=cache,id=greenroom-target,target=/src/target \
    cargo build --locked --release --bin greenroom \
 && install -D target/release/greenroom /out/greenroom

FROM debian:bookworm-slim
# The folder is made here so that a volume mounted there belongs to the service's user.
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin greenroom \
 && install -d -o greenroom -m 0700 /var/lib/greenroom
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/greenroom /usr/local/bin/
USER 10001
ENV GREENROOM_HTTP_ADDR=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["greenroom", "health"]
ENTRYPOINT ["greenroom"]
CMD ["run"]
