from reach_nb.cli import main

raise SystemExit(main())
