# Short names for the cargo commands.

# A demonstration on this machine
demo *options:
    cargo run --release -- demo {{options}}

# Everything that CI runs
test:
    cargo xtask test

# What takes too long for every change: the main path on Garage, 200 kills
accept:
    cargo xtask accept

# Write the generated files again
generate:
    cargo xtask generate

# One crate, quickly
check crate:
    cargo clippy --package {{crate}} --all-targets -- -D warnings && cargo test --package {{crate}}

# Times of the scoring engine, beside the field's packages where AMI_PYTHON has them
bench:
    cargo xtask bench

# Pages, API and saving under load, on a large call; `--against FILE` prints ratios to an earlier run
bench-http *options:
    cargo xtask bench http {{options}}

# Any input to the scoring engine (`ranking` or `sharing`) for ten minutes; needs cargo-fuzz and a nightly compiler
fuzz target:
    cd crates/scoring && cargo +nightly fuzz run {{target}} -- -max_total_time=600
