"""Makes nbs/images/card.png, the picture that other sites show beside a link to this one: make_card.py"""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from reach_nb import plot_calendar

days = pd.date_range("2025-01-01", "2025-03-31")
percent = 99 - np.random.default_rng(135).gamma(1.3, 1, len(days))
frame = pd.DataFrame({"state": "downloaded", "percent": percent}, days)
frame.loc["2025-02-03":"2025-02-09", "percent"] = [70.3, 26.3, 6.4, 0, 17.1, 45.4, 86.2]
frame.loc[["2025-01-17", "2025-03-11"]] = "no_data", np.nan
frame.loc["2025-02-26"] = "failed", np.nan
frame.loc["2025-03-20":] = "not_attempted", np.nan

figure = Figure((12, 6.3), dpi=100)
ax = figure.add_axes((0.1, 0.12, 0.72, 0.62))
plot_calendar(frame, ax)
ax.set_title("", loc="left")
ax.get_legend().remove()
figure.text(0.06, 0.88, "reach_nb", fontsize=44, weight="bold")
words = "Backfill months of REACH dosimeter data, and see what you have"
figure.text(0.06, 0.81, words, fontsize=20, color="0.3")
path = Path(__file__).parents[1] / "nbs" / "images" / "card.png"
figure.savefig(path, metadata={"Software": None})
