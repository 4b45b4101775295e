//! What a client may do with topics and groups, as the broker tells it.
//!
//! The rdkafka crate has no call for this; librdkafka's answers come as an event, which owns all
//! that is borrowed here.

use std::ffi::{CStr, CString};
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as ffi;
use rdkafka::bindings::rd_kafka_AclOperation_t as Operation;
use rdkafka::bindings::rd_kafka_admin_op_t as AdminOp;
use rdkafka::types::RDKafka;

use super::native::{Event, Queue, milliseconds};
use super::{Admin, Code, Error};

/// Something that the broker allows or refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    Read,
    Write,
}

/// What one topic or group allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights(Vec<Operation>);

impl Rights {
    pub fn allow(&self, right: Right) -> bool {
        let operation = match right {
            Right::Read => Operation::RD_KAFKA_ACL_OPERATION_READ,
            Right::Write => Operation::RD_KAFKA_ACL_OPERATION_WRITE,
        };
        self.0.contains(&operation)
    }

    /// None where the broker is too old to say.
    ///
    /// # Safety
    /// `first` is null, or `count` operations lie there.
    unsafe fn copy(first: *const Operation, count: usize) -> Option<Self> {
        // SAFETY: not null, so by contract.
        (!first.is_null())
            .then(|| Rights(unsafe { std::slice::from_raw_parts(first, count) }.to_vec()))
    }
}

impl Admin {
    /// What each topic allows us, in order; None where the broker is too old to say.
    ///
    /// # Errors
    /// Where no broker answers within `timeout`.
    pub fn topic_rights(
        &self,
        topics: &[&str],
        timeout: Duration,
    ) -> Result<Vec<Result<Option<Rights>, Code>>, Error> {
        let names = c_names(topics)?;
        let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
        let op = AdminOp::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let answer = self.ask(
            "asking for rights on topics",
            op,
            timeout,
            |client, options, queue| {
                // SAFETY: client, options and queue are alive; librdkafka copies the names, which the
                // collection only borrows.
                unsafe {
                    let topics = ffi::rd_kafka_TopicCollection_of_topic_names(
                        pointers.as_mut_ptr(),
                        pointers.len(),
                    );
                    ffi::rd_kafka_DescribeTopics(client, topics, options, queue.ptr());
                    ffi::rd_kafka_TopicCollection_destroy(topics);
                }
            },
        )?;
        let rights =
            |name: &&str| topic_rights(&answer, name).unwrap_or(Err(Code::UnknownTopicOrPartition));
        Ok(topics.iter().map(rights).collect())
    }

    /// What the group allows us; None where the broker is too old to say.
    ///
    /// # Errors
    /// Where no broker answers within `timeout`.
    pub fn group_rights(
        &self,
        group: &str,
        timeout: Duration,
    ) -> Result<Result<Option<Rights>, Code>, Error> {
        let names = c_names(&[group])?;
        let mut pointer = names[0].as_ptr();
        let op = AdminOp::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS;
        let answer = self.ask(
            "asking for rights on the group",
            op,
            timeout,
            |client, options, queue| {
                // SAFETY: client, options and queue are alive; librdkafka copies the name.
                unsafe {
                    ffi::rd_kafka_DescribeConsumerGroups(
                        client,
                        &mut pointer,
                        1,
                        options,
                        queue.ptr(),
                    );
                }
            },
        )?;
        Ok(group_rights(&answer).unwrap_or(Err(Code::GroupIdNotFound)))
    }

    /// Puts a question that asks for rights too, and waits for the answer.
    fn ask(
        &self,
        call: &'static str,
        op: AdminOp,
        timeout: Duration,
        put: impl FnOnce(*mut RDKafka, *const ffi::rd_kafka_AdminOptions_t, &Queue),
    ) -> Result<Event, Error> {
        let client = self.native();
        // SAFETY: the client outlives this call, in which the queue is dropped.
        let queue = unsafe { Queue::new(client) };
        let options = Options::new(client, op, timeout);
        put(client, options.0.as_ptr(), &queue);
        // librdkafka itself gives up in time, and says why: no wait without an end.
        let answer = queue.wait().ok_or(Error::Bound(call))?;
        match answer.error().code {
            Code::NoError => Ok(answer),
            code => Err(Error::call(call, code)),
        }
    }
}

/// How a question is put.
struct Options(NonNull<ffi::rd_kafka_AdminOptions_t>);

impl Options {
    fn new(client: *mut RDKafka, op: AdminOp, timeout: Duration) -> Self {
        // SAFETY: the client is alive, the options are, and no text of an error is asked for.
        unsafe {
            let options = NonNull::new(ffi::rd_kafka_AdminOptions_new(client, op))
                .expect("librdkafka knows the question");
            let _in_range = ffi::rd_kafka_AdminOptions_set_request_timeout(
                options.as_ptr(),
                milliseconds(timeout),
                std::ptr::null_mut(),
                0,
            );
            let error =
                ffi::rd_kafka_AdminOptions_set_include_authorized_operations(options.as_ptr(), 1);
            assert!(error.is_null(), "both questions can ask for rights");
            Options(options)
        }
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: made by rd_kafka_AdminOptions_new and destroyed only here.
        unsafe { ffi::rd_kafka_AdminOptions_destroy(self.0.as_ptr()) }
    }
}

/// None where the answer does not speak of the topic.
fn topic_rights(answer: &Event, name: &str) -> Option<Result<Option<Rights>, Code>> {
    let mut count = 0;
    // SAFETY: the answer is alive and so is all that it owns; `count` is ours to be written to,
    // and so many descriptions lie there.
    unsafe {
        let result = ffi::rd_kafka_event_DescribeTopics_result(answer.ptr());
        let topics = slice(
            ffi::rd_kafka_DescribeTopics_result_topics(result.as_ref()?, &mut count),
            count,
        );
        let topic = topics.iter().copied().find(|topic| {
            CStr::from_ptr(ffi::rd_kafka_TopicDescription_name(*topic)).to_bytes()
                == name.as_bytes()
        })?;
        if let Some(code) = code(ffi::rd_kafka_TopicDescription_error(topic)) {
            return Some(Err(code));
        }
        let mut operations = 0;
        let first = ffi::rd_kafka_TopicDescription_authorized_operations(topic, &mut operations);
        Some(Ok(Rights::copy(first, operations)))
    }
}

/// None where the answer speaks of no group.
fn group_rights(answer: &Event) -> Option<Result<Option<Rights>, Code>> {
    let mut count = 0;
    // SAFETY: as above.
    unsafe {
        let result = ffi::rd_kafka_event_DescribeConsumerGroups_result(answer.ptr());
        let groups = slice(
            ffi::rd_kafka_DescribeConsumerGroups_result_groups(result.as_ref()?, &mut count),
            count,
        );
        let group = *groups.first()?;
        if let Some(code) = code(ffi::rd_kafka_ConsumerGroupDescription_error(group)) {
            return Some(Err(code));
        }
        let mut operations = 0;
        let first =
            ffi::rd_kafka_ConsumerGroupDescription_authorized_operations(group, &mut operations);
        Some(Ok(Rights::copy(first, operations)))
    }
}

/// # Safety
/// `error` is null or alive.
unsafe fn code(error: *const ffi::rd_kafka_error_t) -> Option<Code> {
    // SAFETY: by contract; null has the code for "no error".
    let code = Code::from(unsafe { ffi::rd_kafka_error_code(error) });
    (code != Code::NoError).then_some(code)
}

/// # Safety
/// `first` is null, or `count` pointers lie there for as long as `'a`.
unsafe fn slice<'a, T>(first: *mut *const T, count: usize) -> &'a [*const T] {
    if first.is_null() {
        return &[];
    }
    // SAFETY: not null, so by contract.
    unsafe { std::slice::from_raw_parts(first, count) }
}

fn c_names(names: &[&str]) -> Result<Vec<CString>, Error> {
    let c_name = |name: &&str| {
        CString::new(*name)
            .map_err(|_| Error::call("naming a topic or group", Code::InvalidArgument))
    };
    names.iter().map(c_name).collect()
}
