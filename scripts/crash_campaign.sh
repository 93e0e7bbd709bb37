#!/usr/bin/env bash
# The event store under kill -9 and full disks, at length: minutes. CI runs the same tests with few rounds.
#   scripts/crash_campaign.sh [KILLS [FULL_DISKS]]      200 and 20 by default; needs a release build
# First the library, where a shared counter knows to the frame which write calls had returned; then the program.
set -euo pipefail
cd "$(dirname "$0")/.."
kills=${1:-200}
full_disks=${2:-20}

COUNTEM_CAMPAIGN_ROUNDS=$kills build/release/tests/store/test_store --gtest_brief=1 --gtest_filter='recovery.a_killed_count*'
COUNTEM_CAMPAIGN_ROUNDS=$full_disks build/release/tests/store/test_store --gtest_brief=1 --gtest_filter='recovery.a_full_disk*'
cd tests/cli
COUNTEM=$OLDPWD/build/release/countem COUNTEM_KILL_ROUNDS=$kills COUNTEM_FULL_DISK_ROUNDS=$full_disks \
  PYTHONDONTWRITEBYTECODE=1 python3 -m unittest -v crash_test
