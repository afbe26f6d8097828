//! How much the pipeline itself costs: one decision, one pass over many jobs, whole rehearsals.
//!
//! `cargo bench`. The figures that the README and the closing notes name come from here.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::hint::black_box;
use std::time::Duration;

use asg_patch::aws::{Aws, Question, observe};
use asg_patch::group::Phase;
use asg_patch::group::bake::Bake;
use asg_patch::group::decide::{decide, needs};
use asg_patch::group::decision::{Context, Directive};
use asg_patch::group::job::Job;
use asg_patch::group::job::Ownership;
use asg_patch::request::RunRequest;
use asg_patch::run::{self, Stop, planned};
use common::{account_of, fleet_of, runtime};
use criterion::{Criterion, criterion_group, criterion_main};

/// Jobs that look at their groups for the first time.
async fn woken_jobs(groups: usize) -> (Aws, RunRequest, Vec<Job>) {
    let (_account, aws, request) = account_of(&fleet_of(groups));
    let mut jobs = planned(&aws, &request).await.unwrap().jobs;
    for job in &mut jobs {
        job.ownership = Ownership::Held;
        for phase in [Phase::Recording, Phase::Launching] {
            job.enter(phase, "bench", aws.clock.now());
        }
    }
    (aws, request, jobs)
}

fn decide_one(c: &mut Criterion) {
    let runtime = runtime();
    let (job, seen, now) = runtime.block_on(async {
        let (aws, request, jobs) = woken_jobs(1).await;
        let job = jobs.into_iter().next().unwrap();
        let questions = [Question {
            job: &job,
            needs: needs(&job),
            known: None,
        }];
        let seen = observe(&aws.clients, &request.selection.tag, &questions).await;
        let seen = seen.into_iter().next().unwrap();
        let now = aws.clock.now();
        (job, seen, now)
    });
    let bake = Bake::default();
    c.bench_function("decide per job", |b| {
        b.iter(|| {
            decide(black_box(&Context {
                job: &job,
                seen: &seen,
                bake: &bake,
                peers: 1,
                now,
                directive: Directive::default(),
            }))
        });
    });
}

fn one_pass(c: &mut Criterion) {
    let mut group = c.benchmark_group("one pass");
    group.sample_size(10);
    for groups in [50_usize, 500, 5_000] {
        let runtime = runtime();
        let (aws, request, jobs) = runtime.block_on(woken_jobs(groups));
        group.bench_function(format!("{groups} jobs"), |b| {
            b.iter(|| {
                runtime.block_on(async {
                    let questions: Vec<Question<'_>> = jobs
                        .iter()
                        .map(|job| Question {
                            job,
                            needs: needs(job),
                            known: None,
                        })
                        .collect();
                    let seen = observe(&aws.clients, &request.selection.tag, &questions).await;
                    let bake = Bake::default();
                    let now = request.window.start;
                    let decisions: Vec<_> = jobs
                        .iter()
                        .zip(&seen)
                        .map(|(job, seen)| {
                            decide(&Context {
                                job,
                                seen,
                                bake: &bake,
                                peers: 1,
                                now,
                                directive: Directive::default(),
                            })
                        })
                        .collect();
                    black_box(decisions)
                })
            });
        });
    }
    group.finish();
}

fn rehearsal(c: &mut Criterion) {
    let mut group = c.benchmark_group("rehearsal");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(20));
    for groups in [50_usize, 500] {
        let text = fleet_of(groups);
        group.bench_function(format!("{groups} groups"), |b| {
            b.iter(|| {
                runtime().block_on(async {
                    let (_account, aws, request) = account_of(&text);
                    let (_keep, stop) = tokio::sync::watch::channel(Stop::Continue);
                    let report = run::run(&aws, &request, stop, &mut |_| {}).await.unwrap();
                    assert_eq!(report.groups.len(), groups);
                    black_box(report)
                })
            });
        });
    }
    group.finish();
}

criterion_group!(benches, decide_one, one_pass, rehearsal);
criterion_main!(benches);
