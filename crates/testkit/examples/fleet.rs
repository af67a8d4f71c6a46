//! Writes `docs/scale.md` and its plot: fleets of three sizes through a start, the hour and an outage. `cargo xtask
//! fleet` runs it.

#![expect(clippy::print_stdout, reason = "a command line tool")]

use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::time::Instant;

use permisos_secrets_testkit::fleet::{BATCH_QUOTA, GET_QUOTA, Report, Scenario, Second};
use plotters::prelude::*;

const FLEETS: [u32; 3] = [1, 1_000, 100_000];
/// A quarter of an hour, in the middle of the second refresh: between refreshes an outage has no effect.
const OUTAGE: (u64, u64) = (6600, 7500);
const END: u64 = 9000;
/// Hours in a month, as AWS counts.
const HOURS: f64 = 730.0;
/// US dollars for 10,000 calls, and for a secret a month
/// ([pricing](https://aws.amazon.com/secrets-manager/pricing/)).
const PRICE_OF_CALLS: f64 = 0.05;
const PRICE_OF_SECRET: f64 = 0.40;

fn main() -> Result<(), Box<dyn Error>> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let mut reports = vec![];
    for processes in FLEETS {
        let started = Instant::now();
        let report = Scenario { processes, outage: OUTAGE.0..OUTAGE.1, end: END }.play();
        println!("{processes} processes: simulated in {:.0} s", started.elapsed().as_secs_f64());
        reports.push((processes, report));
    }
    let table = table(&reports)?;
    println!("\n{table}");
    let page = std::fs::read_to_string(docs.join("scale.md"))?;
    let (head, rest) = page.split_once("<!-- table -->\n").ok_or("docs/scale.md has no place for the table")?;
    let (_, tail) = rest.split_once("<!-- end -->").ok_or("docs/scale.md has no end of the table")?;
    std::fs::write(docs.join("scale.md"), format!("{head}<!-- table -->\n{table}<!-- end -->{tail}"))?;
    plot(&docs.join("scale.svg"), &reports)
}

fn table(reports: &[(u32, Report)]) -> Result<String, std::fmt::Error> {
    let mut table = String::from("| |");
    for (processes, _) in reports {
        write!(table, " {} |", grouped(u64::from(*processes)))?;
    }
    writeln!(table, "\n|---|{}", "---:|".repeat(reports.len()))?;
    let after = OUTAGE.1;
    let mut row = |title: &str, cell: &dyn Fn(u32, &Report) -> String| {
        let cells: Vec<String> = reports.iter().map(|(processes, report)| cell(*processes, report)).collect();
        writeln!(table, "| {title} | {} |", cells.join(" | "))
    };
    let peak = |report: &Report, from, to| grouped(u64::from(report.peak(from..to).calls()));
    row("calls per second, at most, at the start", &|_, report| peak(report, 0, 600))?;
    row("seconds until the last process has loaded", &|_, report| {
        report.loaded_at.map_or("never".into(), |at| grouped(at + 1))
    })?;
    row("calls above a quota, tried again", &|_, report| grouped(report.throttled()))?;
    row("calls per second, at most, at the hour", &|_, report| peak(report, 2400, 4800))?;
    row("calls per second, at most, in the outage", &|_, report| peak(report, OUTAGE.0, OUTAGE.1))?;
    row("calls per second, at most, after the outage", &|_, report| peak(report, after, END))?;
    row("seconds after the outage until all is confirmed", &|_, report| {
        report.recovered_at.map_or("0".into(), |at| grouped(at - after + 1))
    })?;
    row("reads that failed after the load", &|_, report| grouped(report.lost_reads))?;
    row("calls a month", &|processes, _| grouped(round(monthly(processes))))?;
    row("US dollars a month for calls", &|processes, _| {
        format!("{:.2}", monthly(processes) / 10_000.0 * PRICE_OF_CALLS)
    })?;
    row("US dollars a month for seven secrets", &|_, _| format!("{:.2}", 7.0 * PRICE_OF_SECRET))?;
    Ok(table)
}

/// Seven secrets, each once in 0.95 hours on average.
fn monthly(processes: u32) -> f64 {
    f64::from(processes) * 7.0 * HOURS / 0.95
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, far below the limit")]
fn round(number: f64) -> u64 {
    number.round() as u64
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Calls per second over time, each fleet's busiest second of ten, on a logarithmic axis with both quotas.
fn plot(file: &Path, reports: &[(u32, Report)]) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(file, (960, 480)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption("Calls per second to Secrets Manager (the busiest of ten)", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d(0..END, (1_u32..1_000_000).log_scale())?;
    let minutes = |seconds: &u64| format!("{} min", seconds / 60);
    chart.configure_mesh().x_labels(10).x_label_formatter(&minutes).light_line_style(TRANSPARENT).draw()?;
    let colours = [RGBColor(0, 110, 180), RGBColor(220, 120, 0), RGBColor(150, 0, 90)];
    for ((processes, report), colour) in reports.iter().zip(colours) {
        let busiest = report.seconds.chunks(10).map(|seconds| seconds.iter().map(Second::calls).max().unwrap_or(0));
        let points = (0_u64..).step_by(10).zip(busiest).filter(|(_, calls)| *calls > 0);
        chart
            .draw_series(points.map(|point| Circle::new(point, 2, colour.filled())))?
            .label(format!("{} processes", grouped(u64::from(*processes))))
            .legend(move |(x, y)| Circle::new((x + 8, y), 3, colour.filled()));
    }
    for (name, quota) in [("BatchGetSecretValue", BATCH_QUOTA), ("GetSecretValue", GET_QUOTA)] {
        chart.draw_series([PathElement::new([(0, quota), (END, quota)], BLACK.mix(0.5))])?;
        chart.draw_series([Text::new(format!("quota of {name}"), (7000, quota * 13 / 10), ("sans-serif", 12))])?;
    }
    chart.configure_series_labels().background_style(WHITE.mix(0.8)).border_style(BLACK.mix(0.3)).draw()?;
    root.present()?;
    Ok(())
}
