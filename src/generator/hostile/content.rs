//! Events of the right shape with values at and over the edge of what they may be.

use super::Twist;

pub fn odd_timestamp(twist: &mut Twist<'_>) {
    let raw = twist.one_of(&[
        "0",
        "-0",
        "-1",
        "0.0",
        "1694479551.999",
        "1.694479551e9",
        "1694479551000",
        // The first and last seconds of the years 1 to 9999, and their neighbours.
        "-62135596800",
        "-62135596801",
        "253402300799",
        "253402300799.999",
        "253402300800",
        "9223372036854775807",
        "9223372036854775808",
        "1e300",
        "\"0\"",
        "\" 1694479551\\n\"",
        "\"1694479551.5\"",
        "\"2023-09-12T00:45:51Z\"",
        "\"yesterday\"",
        "\"\"",
        "\"\\u0661\"", // an Arabic digit one
    ]);
    twist.replace("timestamp", raw);
}

pub fn odd_ip(twist: &mut Twist<'_>) {
    let raw = twist.one_of(&[
        "\"01.2.3.4\"",
        "\"1.2.3.04\"",
        "\"1.2.3.4/24\"",
        "\"256.1.1.1\"",
        "\"1.2.3\"",
        "\"1.2.3.4.5\"",
        "\" 1.2.3.4\"",
        "\"1.2.3.4\\n\"",
        "\"0x7f.0.0.1\"",
        "\"\\uff11.2.3.4\"", // a full-width digit one
        "\"1.2.3.4%eth0\"",
        "\"::\"",
        "\"2001:DB8::0:1\"",
        "\"2001:db8::/32\"",
        "\"fe80::1%eth0\"",
        "\"fe80::1%\"",
        "\"fe80::1%a%b\"",
        "\"[::1]\"",
        "\"::ffff:1.2.3.4\"",
        "\":::1\"",
        "\"localhost\"",
        "\"\"",
        "3232235777",
    ]);
    twist.replace("ip", raw);
}

pub fn odd_text(twist: &mut Twist<'_>) {
    let name = twist.one_of(&["user_id", "app_version", "locale", "device_id"]);
    let raw = twist.one_of(&[
        "\"\"",
        "\" \"",
        "\"\\u0000\"",
        "\"'; DROP TABLE logins; --\"",
        "\"<script>alert(1)</script>\"",
        "\"\\u001b[2J\"",
        "\"e\u{301}\u{202e}\u{1f600}\"",
        "\"null\"",
    ]);
    twist.replace(name, raw);
}
