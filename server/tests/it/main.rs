//! The service from outside: the bytes of its answers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod catalog;
mod conduct;
mod cone_search;
mod connections;
mod doors;
mod formats;
mod ingest_service;
mod jobs;
mod pages;
mod queries;
mod quotas;
mod rights;
mod sample;
mod streaming;
mod tap_sync;
mod uploads;
mod user_tables;
mod vosi;
