"""Prints a page over and over: each line of milliseconds is a round, answered by the microseconds of each."""

import json
import pathlib
import sys
import time

from weasyprint import HTML
from weasyprint.text.fonts import FontConfiguration

page = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")
fonts = FontConfiguration()
for line in sys.stdin:
    end, times = time.perf_counter() + int(line) / 1000, []
    while time.perf_counter() < end:
        start = time.perf_counter()
        pdf = HTML(string=page).write_pdf(font_config=fonts)
        times.append(round((time.perf_counter() - start) * 1_000_000))
        assert pdf.startswith(b"%PDF")
    print(json.dumps(times), flush=True)
