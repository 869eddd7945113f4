// Maps of cell temperature on one clock: one slider, one button, any number of canvases.
// Data: see twin/pages/scrubber.py. Loads nothing.
(function () {
  "use strict";
  const root = document.getElementById("scrub");
  const data = JSON.parse(document.getElementById("scrub-data").textContent);
  const slider = root.querySelector("input"), play = root.querySelector("button");
  const clockText = root.querySelector("output");
  const MARK = "#56b4e9", FRAME_MS = 60, PAD = 8;
  let frame = data.first, timer = 0;

  function unpack(text) {
    const raw = atob(text), bytes = new Uint8Array(raw.length);
    for (let k = 0; k < raw.length; k++) bytes[k] = raw.charCodeAt(k);
    return new DataView(bytes.buffer);
  }
  function clock(s) {
    const total = Math.floor(Math.abs(s) + 0.5), two = (n) => String(n).padStart(2, "0");
    const h = Math.floor(total / 3600), m = Math.floor(total / 60) % 60;
    return h ? h + ":" + two(m) + ":" + two(total % 60) : m + ":" + two(total % 60);
  }
  function part(celsius) {
    const [low, middle, high] = data.knots;
    const f = celsius <= middle ? 0.5 * (celsius - low) / (middle - low)
      : 0.5 + 0.5 * (celsius - middle) / (high - middle);
    return Math.min(1, Math.max(0, f));
  }
  function colour(celsius) {
    return data.colours[Math.round(part(celsius) * (data.colours.length - 1))];
  }
  function past(at, time) { return at !== null && at <= time; }

  const maps = data.maps.map(function (map, number) {
    const figure = root.querySelectorAll("figure")[number];
    return Object.assign({}, map, {
      canvas: figure.querySelector("canvas"), said: figure.querySelector(".said"),
      hint: figure.querySelector(".hint"), values: unpack(map.celsius), n: map.x.length,
    });
  });

  function value(map, at, cell) {
    return map.values.getInt16(2 * (at * map.n + cell), true) / 10;
  }
  function size(map) {
    const wide = map.canvas.parentElement.clientWidth;
    const scale = Math.min(wide / map.width, data.tall / map.height, 38);
    const ratio = window.devicePixelRatio || 1;
    map.scale = scale;
    map.canvas.style.width = map.width * scale + "px";
    map.canvas.style.height = map.height * scale + PAD + "px";
    map.canvas.width = Math.round(map.width * scale * ratio);
    map.canvas.height = Math.round((map.height * scale + PAD) * ratio);
    return ratio;
  }
  function furnish(pen, map, s) {
    pen.font = Math.max(9, Math.min(12, 0.6 * s)) + "px sans-serif";
    for (const [x, y, w, h, name] of map.modules) {
      pen.fillStyle = "#262b33"; pen.fillRect(x * s, y * s, w * s, h * s);
      pen.fillStyle = "#5b6470"; pen.fillText(name, x * s + 2, y * s - 3);
    }
    pen.fillStyle = "#1b1f24";
    for (const [y, name] of map.racks) pen.fillText(name, 4, y * s + 4);
  }
  function disc(pen, x, y, radius) {
    pen.beginPath(); pen.arc(x, y, radius, 0, 2 * Math.PI);
  }
  function mark(pen, map, cell, time, x, y, r) {
    pen.strokeStyle = MARK; pen.lineWidth = Math.max(1.2, 0.2 * r);
    if (past(map.ran[cell], time)) { disc(pen, x, y, 0.9 * r); pen.stroke(); }
    if (past(map.spent[cell], time)) {
      const d = 0.42 * r;
      pen.beginPath(); pen.moveTo(x - d, y - d); pen.lineTo(x + d, y + d);
      pen.moveTo(x - d, y + d); pen.lineTo(x + d, y - d); pen.stroke();
    } else if (past(map.cut[cell], time)) {
      pen.beginPath(); pen.moveTo(x - 0.5 * r, y); pen.lineTo(x + 0.5 * r, y); pen.stroke();
    }
  }
  function draw(map) {
    const ratio = size(map), pen = map.canvas.getContext("2d"), s = map.scale;
    const time = data.times[frame], known = map.known[frame];
    pen.setTransform(ratio, 0, 0, ratio, 0, PAD * ratio);
    pen.clearRect(0, -PAD, map.width * s, map.height * s + PAD);
    furnish(pen, map, s);
    let hottest = 0, ran = 0, spent = 0;
    for (let c = 0; c < map.n; c++) {
      const celsius = value(map, frame, c), x = map.x[c] * s, y = map.y[c] * s, r = 0.45 * s;
      disc(pen, x, y, r);
      pen.fillStyle = known ? colour(celsius) : "#5b6470"; pen.fill();
      pen.strokeStyle = "#5b6470"; pen.lineWidth = 0.6; pen.stroke();
      if (!known) continue;
      mark(pen, map, c, time, x, y, r);
      if (celsius > value(map, frame, hottest)) hottest = c;
      if (past(map.ran[c], time)) ran++;
      if (past(map.spent[c], time)) spent++;
    }
    map.said.textContent = known
      ? "hottest " + value(map, frame, hottest).toFixed(0) + " °C (" + map.names[hottest] + "); "
        + ran + " of " + map.n + " ran away, " + spent + " spent"
      : "this file has no row for this time";
  }
  function show(next) {
    frame = Math.max(0, Math.min(data.times.length - 1, next));
    slider.value = String(frame);
    const text = clock(data.times[frame]);
    clockText.textContent = text;
    slider.setAttribute("aria-valuetext", text);
    maps.forEach(draw);
  }
  function stop() { clearInterval(timer); timer = 0; play.textContent = "▶ Play"; }
  function step() { if (frame >= data.times.length - 1) stop(); else show(frame + 1); }

  slider.max = String(data.times.length - 1);
  slider.addEventListener("input", function () { stop(); show(Number(slider.value)); });
  play.addEventListener("click", function () {
    if (timer) { stop(); return; }
    if (frame >= data.times.length - 1) show(0);
    timer = setInterval(step, FRAME_MS);
    play.textContent = "❚❚ Pause";
  });
  maps.forEach(function (map) {
    map.canvas.addEventListener("mousemove", function (event) {
      const box = map.canvas.getBoundingClientRect();
      const x = (event.clientX - box.left) / map.scale;
      const y = (event.clientY - box.top - PAD) / map.scale;
      let best = -1, least = 0.3;
      for (let c = 0; c < map.n; c++) {
        const d = (map.x[c] - x) ** 2 + (map.y[c] - y) ** 2;
        if (d < least) { least = d; best = c; }
      }
      if (best < 0 || !map.known[frame]) { map.hint.textContent = ""; return; }
      const at = map.ran[best] === null ? "" : ", ran away at " + clock(map.ran[best]);
      map.hint.textContent = map.names[best] + ": " + value(map, frame, best).toFixed(1) + " °C" + at;
    });
    map.canvas.addEventListener("mouseleave", function () { map.hint.textContent = ""; });
  });
  window.addEventListener("resize", function () { maps.forEach(draw); });
  show(frame);
})();
