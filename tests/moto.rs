//! Our AWS adapter against moto: an account that nobody here wrote.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)] // a test's own helpers

mod witness;

use witness::{Moto, Python};

/// Runs a future on a runtime in real time: moto knows no other.
fn real_time<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

#[test]
fn moto_answers() {
    let python = Python::ready().unwrap_or_else(|why| panic!("{why}"));
    real_time(async {
        let moto = Moto::start(&python)
            .await
            .unwrap_or_else(|why| panic!("{why}"));
        let client = aws_sdk_ssm::Client::new(&moto.sdk());
        let error = client.get_parameter().name("/none").send().await;
        let error = error
            .expect_err("there is no such parameter")
            .into_service_error();
        assert!(error.is_parameter_not_found(), "{error:?}");
    });
}
