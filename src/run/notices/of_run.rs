//! A run's part: it has begun, groups have failed, it has ended, or it does not take place.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::announcer::{Announcer, Said, TIME_OVER};
use crate::group::Code;
use crate::group::fault::Fault;
use crate::ids::{GroupName, RunId};
use crate::notices::{
    GroupNote, Known, Notice, NoticeEvent, Planned, Target, Windows, about, targets, window_id,
};
use crate::place::Place;
use crate::report::{GroupReport, RunReport};
use crate::request::RunRequest;

/// A run is that of an announced opening if it begins in it, or this much before.
const SAME: TimeDelta = TimeDelta::minutes(5);

/// In the place of a window's name, if a person started the run.
pub const BY_HAND: &str = "by hand";

/// A run's groups by the places that they serve.
pub type Places = BTreeMap<Place, BTreeSet<GroupName>>;

/// The run that begins, and its window.
#[derive(Clone, Copy, Debug)]
pub struct BegunAt<'a> {
    /// As it was asked for.
    pub request: &'a RunRequest,
    /// The window's name.
    pub window: &'a str,
    /// Whether a person started it: then it is none of the window's openings.
    pub is_by_hand: bool,
}

impl BegunAt<'_> {
    /// Whether it is the run of this window, or has said so already.
    fn is_of(&self, known: &Known) -> bool {
        if known.is_of(&self.request.run_id) {
            return true;
        }
        let (start, planned) = (self.request.window.start, known.planned());
        // A maintenance window's run counts from its own begin, which may be late.
        let is_within = planned.start - SAME <= start && start < planned.end;
        !self.is_by_hand && known.window() == self.window && known.is_to_come() && is_within
    }

    /// The notice about a place, with the id under which its window was announced if it was.
    fn notice(&self, place: &Place, event: NoticeEvent, known: &[Known]) -> Notice {
        let window = &self.request.window;
        let here = known.iter().filter(|k| k.place() == place);
        let announced = here
            .clone()
            .filter(|k| self.is_of(k))
            .max_by_key(|k| k.planned().start);
        let planned = Planned {
            start: announced.map_or(window.start, |k| k.planned().start),
            end: window.deadline,
            zone: announced.map_or(chrono_tz::Tz::UTC, |k| k.planned().zone),
        };
        let id = || {
            let id = window_id(self.window, window.start);
            let is_taken = self.is_by_hand || here.clone().any(|k| k.window_id() == id);
            if is_taken {
                self.request.run_id.to_string()
            } else {
                id
            }
        };
        let notice = match announced {
            Some(known) => about(known, event),
            None => Notice {
                window: self.window.to_owned(),
                ..Notice::new(event, id(), place, planned)
            },
        };
        Notice {
            run_id: Some(self.request.run_id.clone()),
            times: Windows {
                planned,
                before: None,
            },
            ..notice
        }
    }
}

impl<'a> Announcer<'a> {
    /// A run has begun, and its groups are not touched yet. Answers, too, why it must not go on, if its window demands notices
    /// that were not sent.
    ///
    /// # Errors
    /// Marks could not be read or made.
    pub async fn begun(
        &self,
        run: BegunAt<'_>,
        places: &Places,
    ) -> Result<(Said, Option<String>), Fault> {
        let is_required = !run.is_by_hand && self.setup.is_required_for(run.window);
        match self.in_time(self.begin(run, places, is_required)).await {
            Err(fault) if fault.code == TIME_OVER => {
                let is_cut = true;
                Ok((
                    Said {
                        is_cut,
                        ..Said::default()
                    },
                    None,
                ))
            }
            begun => begun,
        }
    }

    async fn begin(
        &self,
        run: BegunAt<'_>,
        places: &Places,
        is_required: bool,
    ) -> Result<(Said, Option<String>), Fault> {
        let known = self.known().await?;
        if let Some(lacking) = is_required
            .then(|| self.unannounced(run, places, &known))
            .flatten()
        {
            return Ok((Said::default(), Some(lacking)));
        }
        let notice = |(place, groups): (&Place, &BTreeSet<GroupName>)| Notice {
            groups: groups.iter().cloned().map(GroupNote::named).collect(),
            ..run.notice(&place.in_words(), NoticeEvent::Begun, &known)
        };
        // A place none of whose groups is taken was announced in vain.
        let here: BTreeSet<Place> = places.keys().map(Place::in_words).collect();
        let in_vain = known
            .iter()
            .filter(|k| run.is_of(k) && k.is_to_come() && !here.contains(k.place()));
        let in_vain = in_vain.map(|known| Notice {
            reason: "its run takes none of the groups, and its report says why".into(),
            ..about(known, NoticeEvent::Missed)
        });
        let notices = places.iter().map(notice).chain(in_vain);
        let said = self.happened(notices.collect(), &known).await?;
        let lacking = said.unsent.first().filter(|_| is_required);
        let lacking = lacking.map(ToString::to_string);
        Ok((said, lacking))
    }

    /// A run waits until then for an approval.
    ///
    /// # Errors
    /// Marks could not be read or made.
    pub async fn awaits(
        &self,
        run: BegunAt<'_>,
        places: &Places,
        until: DateTime<Utc>,
    ) -> Result<Said, Fault> {
        let awaiting = async {
            let known = self.known().await?;
            let notices = places.iter().map(|(place, groups)| {
                let notice = run.notice(&place.in_words(), NoticeEvent::AwaitsApproval, &known);
                let until = until.with_timezone(&notice.times.planned.zone);
                Notice {
                    groups: groups.iter().cloned().map(GroupNote::named).collect(),
                    reason: format!("it is given up at {}", until.format("%H:%M %Z")),
                    ..notice
                }
            });
            self.happened(notices.collect(), &known).await
        };
        self.in_time(awaiting).await
    }

    /// The first place that was not announced on every channel of its route.
    fn unannounced(&self, run: BegunAt<'_>, places: &Places, known: &[Known]) -> Option<String> {
        places.keys().find_map(|place| {
            let place = place.in_words();
            let notice = run.notice(&place, NoticeEvent::Scheduled, known);
            let announced = known.iter().find(|k| *k.place() == place && run.is_of(k));
            let occasion = notice.occasion();
            let is_told =
                |t: &Target<'_>| announced.is_some_and(|k| k.has_told(&t.channel.name, &occasion));
            let lacking = self.targets(&notice).into_iter().find(|t| !is_told(t))?;
            let channel = &lacking.channel.name;
            Some(format!("{place} was not announced to channel '{channel}'"))
        })
    }

    /// Groups of a run have failed, and it goes on.
    ///
    /// # Errors
    /// Marks could not be read.
    pub async fn failed(&self, run: &RunId, groups: &[&GroupReport]) -> Result<Said, Fault> {
        if groups.is_empty() {
            return Ok(Said::default());
        }
        self.in_time(self.fail(run, groups)).await
    }

    async fn fail(&self, run: &RunId, groups: &[&GroupReport]) -> Result<Said, Fault> {
        let known = self.known().await?;
        let of_run = known.iter().filter(|k| k.is_of(run));
        let notices = of_run.filter_map(|known| {
            let of_place = |g: &&&GroupReport| g.place.in_words() == *known.place();
            let failed: Vec<GroupNote> = groups
                .iter()
                .filter(of_place)
                .map(|g| GroupNote::from(*g))
                .collect();
            (!failed.is_empty()).then(|| Notice {
                groups: failed,
                ..about(known, NoticeEvent::GroupFailed)
            })
        });
        Ok(self.tell_all(notices.collect(), |_, _| false).await)
    }

    /// A run has ended.
    ///
    /// # Errors
    /// Marks could not be read or made.
    pub async fn ended(&self, report: &RunReport, url: Option<&str>) -> Result<Said, Fault> {
        self.in_time(self.end(report, url)).await
    }

    /// Also what a report before, which died, has written down: channels that have heard of it are not told again.
    async fn end(&self, report: &RunReport, url: Option<&str>) -> Result<Said, Fault> {
        let known = self.known().await?;
        let of_run = known.iter().filter(|k| k.is_of(&report.run_id));
        let begun = of_run.filter(|k| k.fact(NoticeEvent::Begun).is_some());
        let notices = begun.map(|known| {
            // Of a group that was restored from its record the place is not known: it may be this one.
            let is_lost = |g: &GroupReport| {
                g.place.is_unknown() && (g.left_open || g.code == Some(Code::RestoredFromRecord))
            };
            let of_place = |g: &GroupReport| is_lost(g) || g.place.in_words() == *known.place();
            Notice {
                report_url: url.map(str::to_owned),
                ..about(known, NoticeEvent::Ended).with_report(report, of_place)
            }
        });
        self.happened(notices.collect(), &known).await
    }

    /// A run that was announced does not take place. Where nothing was announced nobody waits for it.
    ///
    /// # Errors
    /// Marks could not be read or made.
    pub async fn is_off(
        &self,
        run: BegunAt<'_>,
        event: NoticeEvent,
        reason: &str,
    ) -> Result<Said, Fault> {
        self.in_time(self.call_off(run, event, reason)).await
    }

    async fn call_off(
        &self,
        run: BegunAt<'_>,
        event: NoticeEvent,
        reason: &str,
    ) -> Result<Said, Fault> {
        let known = self.known().await?;
        let announced = known.iter().filter(|k| run.is_of(k));
        let notices = announced.filter(|k| !k.is_over()).map(|known| Notice {
            reason: reason.to_owned(),
            ..about(known, event)
        });
        self.happened(notices.collect(), &known).await
    }

    /// Writes down what happened and is not known yet, and tells the channels that have not heard of it.
    async fn happened(&self, notices: Vec<Notice>, known: &[Known]) -> Result<Said, Fault> {
        let about = |n: &Notice| {
            let place = n.of_place();
            let same = |k: &&Known| k.window_id() == n.window_id && *k.place() == place;
            known.iter().find(same)
        };
        let is_new = |n: &&Notice| !about(n).is_some_and(|k| k.has(&n.occasion()));
        let new: Vec<Notice> = notices.iter().filter(is_new).cloned().collect();
        let (marks, written) = self.write_down(&new).await;
        let is_cut = written.is_ok() && marks.len() < new.len();
        let has_told = |n: &Notice, t: &Target<'_>| {
            about(n).is_some_and(|k| k.has_told(&t.channel.name, &n.occasion()))
        };
        let said = self.tell_all(notices, has_told).await;
        written.map(|()| Said {
            is_cut: said.is_cut || is_cut,
            ..said
        })
    }

    async fn tell_all(
        &self,
        notices: Vec<Notice>,
        has_told: impl Fn(&Notice, &Target<'_>) -> bool,
    ) -> Said {
        let targeted = notices.into_iter().flat_map(|notice| {
            let mut targets = self.targets(&notice);
            targets.retain(|t| !has_told(&notice, t));
            targets.into_iter().map(move |t| (notice.clone(), t))
        });
        self.send(targeted.collect()).await
    }

    fn targets(&self, notice: &Notice) -> Vec<Target<'a>> {
        let file = &self.setup.file;
        targets(notice, &file.channels, &file.routes)
    }
}
