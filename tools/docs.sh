#!/usr/bin/env bash
# Builds the site into _docs/. Needs Quarto (https://quarto.org/docs/get-started) and `pip install -e '.[dev]'`.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v quarto > /dev/null || { echo 'Quarto is not installed: https://quarto.org/docs/get-started' >&2; exit 1; }
trap 'rm -f nbs/_quarto.yml nbs/nbdev.yml' EXIT     # left there, they would make nbs/ a project of its own
rm -rf _proc
cp _quarto.yml nbs/
export PYTHONPATH="$PWD/tools${PYTHONPATH:+:$PYTHONPATH}"     # site_pages, which settings.ini names
# the command of this name takes no pattern, and what the guides leave on disk is no page
python -c "from nbdev.quarto import nbdev_docs; nbdev_docs.__wrapped__(skip_folder_re='^([_.]|reach_nb_data$)')"
