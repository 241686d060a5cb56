//! dcap-qvl with its optimised backend, driven as tests/differential/go is: one JSON request a line
//! on standard input, one JSON answer a line on standard output.
//!
//! {"files":{"quote":path,"collateral_v3":path},"root":path,"time":unix,"rounds":n}
//! {"ok":bool,"error":text,"microseconds":mean}

use std::{collections::HashMap, error::Error, fs, io, time::Instant};

use dcap_qvl::{verify::QuoteVerifier, QuoteCollateralV3};

#[derive(serde::Deserialize)]
struct Request {
    files: HashMap<String, String>,
    root: String,
    time: u64,
    rounds: u32,
}

#[derive(serde::Serialize)]
struct Answer {
    ok: bool,
    error: String,
    microseconds: f64,
}

fn serve(line: &str) -> Result<Answer, Box<dyn Error>> {
    let request: Request = serde_json::from_str(line)?;
    let quote = fs::read(&request.files["quote"])?;
    let text = fs::read(&request.files["collateral_v3"])?;
    let collateral: QuoteCollateralV3 = serde_json::from_slice(&text)?;
    let verifier = QuoteVerifier::new(fs::read(&request.root)?);
    let rounds = request.rounds.max(1);
    let begin = Instant::now();
    for _ in 0..rounds {
        if let Err(error) = verifier.verify(&quote, &collateral, request.time) {
            return Ok(Answer { ok: false, error: error.to_string(), microseconds: 0.0 });
        }
    }
    let microseconds = begin.elapsed().as_secs_f64() * 1e6 / f64::from(rounds);
    Ok(Answer { ok: true, error: String::new(), microseconds })
}

fn main() -> Result<(), Box<dyn Error>> {
    for line in io::stdin().lines() {
        println!("{}", serde_json::to_string(&serve(&line?)?)?);
    }
    Ok(())
}
