#!/bin/sh
# Instructions per operation under callgrind, by the slope between 100 and 600 runs, in both profiles.
set -eu
cd "$(dirname "$0")"
target=${CARGO_TARGET_DIR:-../target}
cargo build --quiet --release --bin count
cargo build --quiet --profile dist --bin count
count() { # profile, operation, runs
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$target/$1/count" "$2" "$3" 2>&1 |
        sed -n 's/.*Collected : //p'
}
slope() { echo $((($(count "$1" "$2" 600) - $(count "$1" "$2" 100)) / 500)); }
printf '%-20s %8s %8s\n' operation lto default
for operation in ${*:-nothing parse-full parse-exact parse-basic parse-end parse-bad parse-mixed \
    next-exact next-second next-daily next-monthly next-mixed next-daily-utc next-monthly-utc \
    next-daily-plain next-monthly-plain next-exact-unix next-daily-unix next-monthly-unix \
    next-mixed-unix step-exact-unix step-daily-unix step-monthly-unix step-exact step-daily step-monthly step-daily-plain step-monthly-plain}; do
    printf '%-20s %8s %8s\n' "$operation" "$(slope dist "$operation")" "$(slope release "$operation")"
done
