//! Runs one seed of the simulator again: `replay --seed 17 [--trace]`, or many: `--from 0 --count 500`.
//!
//! With `--trace` every input and output is printed with its virtual time.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use gostorm_sim::scenario::{Outcome, Plan, replay_command, run};
use gostorm_sim::world::World;

const USAGE: &str = "usage: replay --seed N [--trace] | replay --from N --count N";

#[derive(Default)]
struct Options {
    from: u64,
    count: u64,
    trace: bool,
}

fn options() -> Option<Options> {
    let mut options = Options {
        count: 1,
        ..Options::default()
    };
    let mut words = std::env::args().skip(1);
    let mut named = false;
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seed" | "--from" => {
                options.from = words.next()?.parse().ok()?;
                named = true;
            }
            "--count" => options.count = words.next()?.parse().ok()?,
            "--trace" => options.trace = true,
            _ => return None,
        }
    }
    named.then_some(options)
}

fn one(seed: u64, trace: bool, out: &mut impl Write) -> std::io::Result<bool> {
    let plan = Plan::from_seed(seed);
    if trace {
        writeln!(out, "{plan:#?}")?;
    }
    let mut text = None;
    // A panic drops the world; the text is shared, so what it had traced stays.
    let mut watch = |world: &mut World| {
        if trace {
            text = Some(world.keep_text());
        }
    };
    let result = catch_unwind(AssertUnwindSafe(|| run(&plan, &mut watch)));
    if let Some(text) = text {
        for line in text.borrow().iter() {
            writeln!(out, "{line}")?;
        }
    }
    match result {
        Ok(Outcome { report, stalls }) => {
            writeln!(out, "seed {seed}: {report:#?}")?;
            for (fluid, was) in stalls {
                writeln!(out, "stall: oracle {fluid:?}, simulated {was:?}")?;
            }
            Ok(true)
        }
        Err(_) => {
            writeln!(out, "seed {seed} broke a rule: {}", replay_command(seed))?;
            Ok(false)
        }
    }
}

fn main() -> std::io::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let Some(options) = options() else {
        writeln!(out, "{USAGE}")?;
        return Ok(ExitCode::from(2));
    };
    let mut broken = 0;
    for seed in options.from..options.from + options.count {
        let kept = one(seed, options.trace, &mut out)?;
        broken += u32::from(!kept);
    }
    if broken == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "{broken} seeds broke a rule")?;
    Ok(ExitCode::FAILURE)
}
