#!/usr/bin/env bash
# Checks the browser's JavaScript: ES modules with JSDoc types, by TypeScript's compiler, which npm fetches once.
set -euo pipefail
cd "$(dirname "$0")"

TYPESCRIPT=5.9.3

if ! command -v npx >/dev/null; then
  echo "SKIPPED: the JavaScript was not type-checked, because node (with npm) is not installed." >&2
  exit 0
fi
npx --yes --prefer-offline --package "typescript@$TYPESCRIPT" -- tsc --project tsconfig.json
echo "tsc $TYPESCRIPT: no fault in the browser's JavaScript"
