//! The program itself, as its own process: what it prints, which exit code it has, and in which state
//! it leaves an account, however it ends.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)] // the helpers of a test

mod account;
mod approve;
mod ask_aws;
mod completions;
mod config;
mod freeze;
mod html;
mod input;
mod kept;
mod notify;
mod probe;
mod rehearse;
mod support;
mod terminal;
mod topic;
mod windows;
