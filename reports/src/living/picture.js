'use strict';
// Draws the model: the same requests through several servers side by side, and the curve of their means.
(() => {
  const root = document.getElementById('living');
  if (!root) return;
  const { lanes, start } = JSON.parse(document.getElementById('living-data').textContent);
  const find = (what) => root.querySelector(what);
  const STEPS = { // what a slider's position stands for
    rate: (v) => round(10 ** (v / 20)), wait: (v) => round(10 ** (v / 20)) * 1e3, compute: (v) => round(10 ** (v / 20)) * 1e3,
    variation: (v) => [0, 0.25, 0.5, 1, 2, 4, 10, 25][v], workers: (v) => 2 ** v, cores: (v) => +v, pace: (v) => 10 ** v,
  };
  const round = (x) => +x.toPrecision(2);
  const time = (ns) => {
    if (!isFinite(ns)) return '–';
    const [by, unit] = ns < 1e3 ? [1, 'ns'] : ns < 1e6 ? [1e3, 'µs'] : ns < 1e9 ? [1e6, 'ms'] : [1e9, 's'];
    return `${+(ns / by).toPrecision(3)} ${unit}`;
  };
  const SHOWN = {
    rate: (x) => `${x}/s`, wait: time, compute: time, variation: (x) => `C² = ${x}`, workers: String, cores: String,
    pace: (x) => (x < 1 ? `1/${Math.round(1 / x)} of real time` : x > 1 ? `${x} times real time` : 'real time'),
  };

  // ---- what was set
  const inputs = [...root.querySelectorAll('input[type=range]')];
  const read = () => {
    const settings = {};
    for (const input of inputs) {
      const name = input.name, none = (name === 'wait' || name === 'compute') && +input.value === 0;
      settings[name] = none ? 0 : STEPS[name](input.value);
      const text = none ? 'none' : SHOWN[name](settings[name]);
      find(`output[for=${input.id}]`).textContent = text;
      input.setAttribute('aria-valuetext', text);
    }
    settings.transport = find('input[name=transport]:checked').value;
    return settings;
  };
  const stationOf = (lane, settings) => {
    const { station, costs } = lane[settings.transport];
    const count = { pool: settings.workers, loop: 1 }[lane.id];
    return { station: count ? { ...station, count } : station, costs };
  };
  // The share of the time for which a server's narrowest part is busy.
  const busyShare = (lane, settings) => {
    const { station, costs } = stationOf(lane, settings), { rate, wait, compute, cores } = settings;
    const resume = wait > 0 && !station.shares ? costs.resume : 0;
    const computes = compute + costs.request + (station.kind === 'workers' ? costs.handover : 0) + resume + (station.kind === 'on-demand' ? costs.creation : 0);
    const held = compute + costs.request + (station.shares ? 0 : Math.max(wait, resume) + costs.linger);
    const parts = [computes / cores];
    if (station.kind === 'workers') parts.push(held / station.count);
    if (station.kind === 'on-demand') parts.push(costs.creation, (held + costs.creation) / station.limit);
    return rate * Math.max(...parts) / 1e9;
  };

  // ---- what runs
  let settings, servers, requests, upcoming, now, isRunning = false, curve, asked = 0;
  const begin = () => {
    settings = read();
    requests = Model.stream(start.seed, settings);
    upcoming = requests.next().value;
    now = 0;
    asked = 0;
    servers = lanes.map((lane) => {
      const { station, costs } = stationOf(lane, settings);
      return { lane, machine: new Model.Machine(station, costs, settings.cores), sum: 0, count: 0, times: [] };
    });
    curve = newCurve();
    draw();
    tell();
  };
  const advance = (until) => {
    for (let left = 20000; upcoming.at <= until && left > 0; left--) {
      for (const server of servers) {
        server.machine.advance(upcoming.at);
        server.machine.arrive({ ...upcoming });
      }
      asked++;
      upcoming = requests.next().value;
      if (left === 1) until = upcoming.at; // a slow computer shows less, and nothing wrong
    }
    now = until;
    for (const server of servers) {
      server.machine.advance(until);
      for (const { took } of server.machine.done.splice(0)) {
        server.sum += took;
        server.count++;
        server.times[server.count % 4096] = took;
      }
    }
  };
  const p99 = ({ times }) => {
    const sorted = times.filter(isFinite).sort((a, b) => a - b);
    return sorted.length < 100 ? NaN : sorted[Math.ceil(0.99 * sorted.length) - 1];
  };

  // ---- the curve: the mean by processing time, a point of each server after the other
  const POINTS = 31, REQUESTS = 3000;
  const processing = (point) => 10 ** (4 + 4 * point / (POINTS - 1)); // 10 µs to 100 ms
  const newCurve = () => ({ point: 0, means: lanes.map(() => []), jobs: take(Model.stream(start.seed, { ...settings, wait: 1, compute: 0 }), REQUESTS) });
  const take = (from, count) => Array.from({ length: count }, () => from.next().value);
  const meanAt = (lane, its, jobs) => {
    const share = its.wait + its.compute > 0 ? its.wait / (its.wait + its.compute) : 1;
    const p = its.processing;
    const scaled = { ...its, wait: share * p, compute: (1 - share) * p };
    if (busyShare(lane, scaled) >= 1) return NaN;
    const { station, costs } = stationOf(lane, its);
    const asks = jobs.map(({ at, factor }) => ({ at, wait: share * p * factor, compute: (1 - share) * p * factor }));
    return Model.follow(station, costs, its.cores, asks).reduce((a, b) => a + b, 0) / jobs.length;
  };
  const extendCurve = () => {
    if (curve.point >= POINTS) return false;
    const at = { ...settings, processing: processing(curve.point) };
    lanes.forEach((lane, number) => curve.means[number].push(meanAt(lane, at, curve.jobs)));
    curve.point++;
    return true;
  };
  // The processing time from which one server stays ahead of the iterative one.
  const crossing = (number) => {
    const [first, other] = [curve.means[0], curve.means[number]];
    const ahead = (i) => (isNaN(first[i]) ? !isNaN(other[i]) : other[i] < first[i]);
    let from = -1;
    for (let i = 0; i < first.length; i++) {
      if (isNaN(first[i]) && isNaN(other[i])) continue;
      if (!ahead(i)) from = -1;
      else if (from < 0) from = i;
    }
    if (from <= 0) return from === 0 ? 0 : NaN;
    const gap = (i) => Math.log(first[i] / other[i]);
    const part = isNaN(first[from]) || isNaN(first[from - 1]) ? 1 : gap(from - 1) / (gap(from - 1) - gap(from));
    return processing(from - 1 + part);
  };

  // ---- drawing
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const isDark = () => matchMedia('(prefers-color-scheme: dark)').matches;
  const prepare = (canvas) => {
    const ratio = devicePixelRatio || 1, { clientWidth: w, clientHeight: h } = canvas;
    if (canvas.width !== Math.round(w * ratio)) canvas.width = Math.round(w * ratio);
    if (canvas.height !== Math.round(h * ratio)) canvas.height = Math.round(h * ratio);
    const pen = canvas.getContext('2d');
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, w, h);
    pen.font = '12px system-ui, sans-serif';
    return { pen, w, h };
  };
  const PHASES = ['create', 'start', 'wake', 'compute', 'resume', 'wait', 'linger'];
  const drawLane = ({ lane, machine }) => {
    const { pen, w, h } = prepare(find(`#lane-${lane.id} canvas`));
    const ink = colour('--ink'), edge = colour('--edge'), own = lane.colour[isDark() ? 1 : 0];
    const queue = [], served = [];
    for (const job of machine.jobs) (job.phase === 'queue' ? queue : served).push(job);
    served.sort((a, b) => PHASES.indexOf(a.phase) - PHASES.indexOf(b.phase));
    const size = 15, left = Math.floor(w * 0.36), cell = size + 4;
    const dot = (job, x, y) => {
      pen.fillStyle = own;
      pen.strokeStyle = own;
      const r = Math.max(3, Math.min(7, 4.5 * Math.cbrt(job.factor)));
      pen.beginPath();
      if (job.factor > 3) pen.rect(x - r, y - r, 2 * r, 2 * r); else pen.arc(x, y, r, 0, 7);
      if (job.phase === 'wait' || job.phase === 'linger') { pen.lineWidth = 2; pen.stroke(); } else pen.fill();
    };
    const grid = (jobs, from, to, place) => {
      const across = Math.max(1, Math.floor((to - from) / cell)), rows = Math.floor(h / cell);
      const room = across * rows, shown = jobs.length > room ? room - 2 : jobs.length;
      jobs.slice(0, shown).forEach((job, i) => {
        const column = Math.floor(i / rows), row = i % rows;
        place(job, from + column * cell + cell / 2, row * cell + cell / 2 + (h - rows * cell) / 2);
      });
      if (shown < jobs.length) {
        pen.fillStyle = ink;
        pen.fillText(`+${jobs.length - shown}`, to - 34, h - 8);
      }
    };
    pen.strokeStyle = edge;
    pen.lineWidth = 1;
    pen.strokeRect(left + 0.5, 0.5, w - left - 1, h - 1);
    // The queue grows to the left, away from the server.
    grid(queue, 4, left - 6, (job, x, y) => dot(job, left - 2 - x, y));
    grid(served, left + 6, w - 8, (job, x, y) => {
      const runs = job.phase === 'compute' || job.phase === 'resume' || job.phase === 'create';
      pen.strokeStyle = runs ? ink : edge;
      pen.lineWidth = runs ? 2 : 1;
      pen.setLineDash(job.phase === 'create' ? [3, 2] : []);
      pen.strokeRect(x - size / 2, y - size / 2, size, size);
      pen.setLineDash([]);
      if (job.phase !== 'create' && job.phase !== 'start') dot(job, x, y);
    });
    if (!queue.length && !served.length) {
      pen.fillStyle = colour('--faint');
      pen.fillText('idle', left + 10, h / 2 + 4);
    }
  };
  const drawCurve = () => {
    const { pen, w, h } = prepare(find('#living-curve'));
    const ink = colour('--ink'), edge = colour('--edge'), area = { l: 58, r: w - 26, t: 10, b: h - 40 };
    const x = (ns) => area.l + (area.r - area.l) * (Math.log10(ns) - 4) / 4;
    const y = (ns) => area.b - (area.b - area.t) * (Math.log10(Math.min(Math.max(ns, 1e4), 1e9)) - 4) / 5;
    pen.lineWidth = 1;
    for (let d = 4; d <= 9; d++) {
      pen.strokeStyle = edge;
      pen.fillStyle = ink;
      pen.textAlign = 'right';
      line(pen, area.l, y(10 ** d), area.r, y(10 ** d));
      pen.fillText(time(10 ** d), area.l - 6, y(10 ** d) + 4);
      if (d > 8) continue;
      line(pen, x(10 ** d), area.t, x(10 ** d), area.b);
      pen.textAlign = 'center';
      pen.fillText(time(10 ** d), x(10 ** d), area.b + 16);
    }
    pen.fillText('processing time of a request (the share of waiting as set)', (area.l + area.r) / 2, h - 6);
    pen.textAlign = 'left';
    lanes.forEach((lane, number) => {
      pen.strokeStyle = lane.colour[isDark() ? 1 : 0];
      pen.lineWidth = 2;
      pen.setLineDash(lane.dash);
      pen.beginPath();
      let isDown = false;
      curve.means[number].forEach((mean, point) => {
        if (isNaN(mean)) { isDown = false; return; }
        const [px, py] = [x(processing(point)), y(mean)];
        if (isDown) pen.lineTo(px, py); else pen.moveTo(px, py);
        isDown = true;
      });
      pen.stroke();
      pen.setLineDash([]);
      const server = servers[number], set = settings.wait + settings.compute;
      if (server.count > 20 && set >= 1e4) {
        pen.fillStyle = pen.strokeStyle;
        pen.beginPath();
        pen.arc(x(set), y(server.sum / server.count), 4, 0, 7);
        pen.fill();
      }
    });
    pen.strokeStyle = ink;
    pen.lineWidth = 1;
    const set = settings.wait + settings.compute;
    if (set >= 1e4) { pen.setLineDash([2, 3]); line(pen, x(set), area.t, x(set), area.b); pen.setLineDash([]); }
    const cross = crossing(1);
    if (curve.point >= POINTS && cross > 0) {
      pen.lineWidth = 2;
      line(pen, x(cross), area.t, x(cross), area.b);
      pen.fillStyle = ink;
      pen.textAlign = x(cross) > w * 0.6 ? 'right' : 'left';
      pen.fillText(` threads pay from ${time(cross)} on `, x(cross), area.t + 12);
      pen.textAlign = 'left';
    }
  };
  const line = (pen, ...[a, b, c, d]) => { pen.beginPath(); pen.moveTo(a, b); pen.lineTo(c, d); pen.stroke(); };
  const draw = () => {
    for (const server of servers) {
      drawLane(server);
      const cells = find(`#row-${server.lane.id}`).cells, share = busyShare(server.lane, settings);
      const waiting = server.machine.line.size;
      [waiting, server.machine.jobs.size - waiting, time(server.sum / server.count), time(p99(server)),
        share >= 1 ? 'overloaded' : `${Math.round(100 * share)} %`].forEach((text, i) => { cells[i + 1].textContent = text; });
    }
    drawCurve();
  };

  // ---- in words
  const tell = () => {
    const named = lanes.map((lane, number) => [lane, servers[number]]);
    const over = named.filter(([lane]) => busyShare(lane, settings) >= 1).map(([lane]) => lane.name);
    const known = named.filter(([lane, its]) => its.count > 20 && busyShare(lane, settings) < 1)
      .sort((a, b) => a[1].sum / a[1].count - b[1].sum / b[1].count);
    const parts = [`${asked} requests so far, each waiting ${time(settings.wait)} and computing ${time(settings.compute)} on average.`];
    if (known.length) {
      const [lane, its] = known[0];
      parts.push(`The best mean is ${time(its.sum / its.count)} (${lane.name}).`);
    }
    if (over.length) parts.push(`Too much for: ${over.join(', ')}; ${over.length > 1 ? 'their queues grow' : 'its queue grows'} without end.`);
    if (curve.point >= POINTS) {
      const cross = crossing(1);
      parts.push(cross > 0 ? `With the costs of ${start.costs}, a thread for each request pays from ${time(cross)} of processing at this rate.`
        : cross === 0 ? 'A thread for each request pays at every processing time shown.'
          : 'A thread for each request pays at no processing time shown.');
    }
    find('#living-words').textContent = parts.join(' ');
  };

  // ---- controls
  
  const button = find('#living-run');
  const run = (on) => { isRunning = on; button.textContent = on ? 'Pause' : 'Run'; if (!on) { draw(); tell(); } };
  button.addEventListener('click', () => run(!isRunning));
  find('#living-step').addEventListener('click', () => {
    run(false);
    advance(Math.min(upcoming.at, ...servers.map(({ machine }) => machine.next())));
    draw();
    tell();
  });
  find('#living-again').addEventListener('click', begin);
  root.addEventListener('input', (event) => { if (event.target.name === 'pace') settings = read(); else begin(); });
  let last = 0, told = 0;
  const frame = (at) => {
    const passed = Math.min(at - last, 100) / 1e3;
    last = at;
    const isDrawn = extendCurve();
    if (isRunning) advance(now + passed * settings.pace * 1e9);
    if (isRunning || isDrawn) draw();
    if (isDrawn && curve.point === POINTS || isRunning && at - told > 2500) {
      told = at;
      tell();
    }
    requestAnimationFrame(frame);
  };
  addEventListener('resize', () => draw());
  begin();
  run(!matchMedia('(prefers-reduced-motion: reduce)').matches);
  requestAnimationFrame(frame);

  // For tests: the mean response time of a server over many requests.
  globalThis.livingMean = (id, its, count) => {
    const lane = lanes.find((one) => one.id === id);
    const { station, costs } = stationOf(lane, its);
    const jobs = take(Model.stream(7, its), count);
    return Model.follow(station, costs, its.cores, jobs).reduce((a, b) => a + b, 0) / count;
  };
})();
