// The equity line with its high-water mark, and drawdown beneath on the same time axis.
(function () {
  const figure = document.getElementById("equity");
  if (!figure || !window.uPlot) return;
  const place = figure.querySelector(".canvas");
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  let charts = [];

  function axes(values) {
    const look = { stroke: () => css("--muted"), grid: { stroke: () => css("--line") } };
    return [Object.assign({}, look), Object.assign({ values: values, size: 64 }, look)];
  }

  function options(height, series, values, range) {
    return {
      width: place.clientWidth,
      height: height,
      tzDate: (ts) => uPlot.tzDate(new Date(ts * 1e3), "Etc/UTC"),
      legend: { show: false },
      cursor: { sync: { key: "equity" } },
      scales: { y: range ? { range: range } : {} },
      axes: axes(values),
      series: [{}].concat(series),
    };
  }

  function draw(points) {
    const falls = points.equity.map((value, i) =>
      points.high_water[i] ? Math.min((value - points.high_water[i]) / points.high_water[i], 0) * 100 : 0);
    const stepped = uPlot.paths.stepped({ align: 1 });
    const lines = [
      { label: "Equity", stroke: () => css("--link"), width: 2, paths: stepped },
      { label: "High-water mark", stroke: () => css("--muted"), width: 1, dash: [4, 4], paths: stepped },
    ];
    const fall = [{ label: "Drawdown", stroke: () => css("--loss"), fill: () => css("--raised"), width: 1, paths: stepped }];
    place.replaceChildren();
    charts = [
      new uPlot(options(190, lines, (u, all) => all.map((v) => "$" + v.toLocaleString("en")), (u, low, high) => [low - Math.abs(low) * 0.02, high + Math.abs(high) * 0.02]),
        [points.at, points.equity, points.high_water], place),
      new uPlot(options(90, fall, (u, all) => all.map((v) => v.toFixed(0) + "%"), (u, low) => [Math.min(low, -1), 0]),
        [points.at, falls], place),
    ];
  }

  function load() {
    fetch(figure.dataset.points, { headers: { Accept: "application/json" } })
      .then((answer) => (answer.ok ? answer.json() : null))
      .then((points) => { if (points && points.at.length > 1) draw(points); })
      .catch(() => {}); // the old picture stays; live.js says that the connection is lost
  }

  new ResizeObserver(() => charts.forEach((chart) => chart.setSize({ width: place.clientWidth, height: chart.height }))).observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach((chart) => chart.redraw(false)));
  let due = null;
  document.addEventListener("equity-changed", () => { due = due || setTimeout(() => { due = null; load(); }, 3000); });
  load();
})();
