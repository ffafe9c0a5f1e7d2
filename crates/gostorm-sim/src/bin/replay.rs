//! Runs seeds of the simulator again.
//!
//! `replay --seed 17 [--trace]` runs one, `--from 0 --count 500` many; `--family home` means a family of
//! scenarios, without it the random worlds. `--trace` prints every input and output with its virtual
//! time, `--table` one row for each family (`--family all`) instead of a line for each seed.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use gostorm_sim::scenario::family::Family;
use gostorm_sim::scenario::family::judge::judge;
use gostorm_sim::scenario::family::table::Row;
use gostorm_sim::scenario::{Outcome, Plan, replay_command, run};
use gostorm_sim::world::{Text, World};

const USAGE: &str =
    "usage: replay [--family NAME|all] (--seed N | --from N --count N) [--trace] [--table]";

#[derive(Default)]
struct Options {
    from: u64,
    count: u64,
    trace: bool,
    table: bool,
    families: Vec<Family>,
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
            "--count" => {
                options.count = words.next()?.parse().ok()?;
                named = true;
            }
            "--trace" => options.trace = true,
            "--table" => options.table = true,
            "--family" => match words.next()?.as_str() {
                "all" => options.families = Family::ALL.to_vec(),
                name => options.families.push(Family::named(name)?),
            },
            _ => return None,
        }
    }
    named.then_some(options)
}

fn print_trace(text: Option<Text>, out: &mut impl Write) -> std::io::Result<()> {
    if let Some(text) = text {
        for line in text.borrow().iter() {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

/// A seed of the random worlds; true when it keeps the rules.
fn random(seed: u64, trace: bool, out: &mut impl Write) -> std::io::Result<bool> {
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
    print_trace(text, out)?;
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

/// A seed of a family; true when it keeps the properties.
fn one_of(
    family: Family,
    seed: u64,
    options: &Options,
    row: &mut Row,
    out: &mut impl Write,
) -> std::io::Result<bool> {
    let plan = family.plan(seed);
    if options.trace {
        writeln!(out, "{plan:#?}")?;
    }
    let mut text = None;
    let mut watch = |world: &mut World| {
        if options.trace {
            text = Some(world.keep_text());
        }
    };
    let result = judge(&plan, &mut watch);
    print_trace(text, out)?;
    let broken = match result {
        Ok(verdict) => {
            row.add(&verdict);
            if options.count == 1 {
                writeln!(out, "{:#?}", verdict.report)?;
                writeln!(out, "{:#?}", verdict.films)?;
            }
            verdict.broken
        }
        Err(rule) => {
            row.add_unsafe();
            vec![rule]
        }
    };
    let name = family.name();
    for what in &broken {
        writeln!(out, "{name} {seed}: {what}")?;
    }
    if broken.is_empty() && !options.table && options.count > 1 {
        writeln!(out, "{name} {seed}: good")?;
    }
    Ok(broken.is_empty())
}

fn main() -> std::io::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let Some(options) = options() else {
        writeln!(out, "{USAGE}")?;
        return Ok(ExitCode::from(2));
    };
    let seeds = options.from..options.from + options.count;
    let mut broken = 0;
    let mut rows = Vec::new();
    for family in &options.families {
        let mut row = Row::new(*family);
        for seed in seeds.clone() {
            let kept = one_of(*family, seed, &options, &mut row, &mut out)?;
            broken += u32::from(!kept);
        }
        rows.push(row);
    }
    if options.families.is_empty() {
        for seed in seeds {
            broken += u32::from(!random(seed, options.trace, &mut out)?);
        }
    }
    if options.table {
        writeln!(out, "{}", Row::HEAD)?;
        for row in rows {
            writeln!(out, "{row}")?;
        }
    }
    if broken == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "{broken} seeds broke a rule")?;
    Ok(ExitCode::FAILURE)
}
