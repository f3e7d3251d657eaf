'use strict';
// What a page can do with scripts, and needs none for: designs switched on and off in all figures together, and the
// values of points under the pointer or by the arrow keys.
(() => {
  const all = (what, where = document) => [...where.querySelectorAll(what)];
  const figures = all('figure svg');
  if (!figures.length) return;

  // ---- designs on and off
  const names = [...new Set(all('figure g.series[data-series]').map((group) => group.dataset.series))];
  const isServer = (name) => name !== 'theory' && !name.includes(' ');
  const chosen = names.filter(isServer).sort();
  const show = (name, on) => all('figure g[data-series]')
    .filter((group) => group.dataset.series === name)
    .forEach((group) => { group.style.display = on ? '' : 'none'; });
  if (chosen.length > 1) {
    const box = document.createElement('details');
    box.id = 'designs';
    box.append(Object.assign(document.createElement('summary'), { textContent: 'Show servers' }));
    for (const name of chosen) {
      const label = document.createElement('label');
      const input = Object.assign(document.createElement('input'), { type: 'checkbox', checked: true, name });
      input.addEventListener('change', () => show(name, input.checked));
      label.append(input, ` ${name}`);
      box.append(label);
    }
    document.querySelector('main').append(box);
  }

  // ---- values of points
  const round = (x) => +x.toPrecision(3);
  const scaled = (x, steps) => {
    const [by, unit] = steps.find(([by]) => x < by * 1e3) || steps.at(-1);
    return `${round(x / by)} ${unit}`;
  };
  const FORMATS = {
    time: (x) => scaled(x, [[1, 'ns'], [1e3, 'µs'], [1e6, 'ms'], [1e9, 's']]),
    size: (x) => scaled(x, [[1, 'B'], [1e3, 'kB'], [1e6, 'MB'], [1e9, 'GB']]),
    rate: (x) => `${round(x)}/s`, count: String, number: (x) => String(round(x)),
    quantile: (x) => `p${round(100 * x)}`, category: () => '',
  };
  const written = (unit, x) => (FORMATS[unit] || FORMATS.number)(+x);
  const inWords = (point) => {
    const { x, y, low, high } = point.dataset, { xUnit, yUnit } = point.closest('g.panel').dataset;
    const at = written(xUnit, x), ends = low !== high ? ` (${written(yUnit, low)} to ${written(yUnit, high)})` : '';
    return `${point.closest('g.series').dataset.series}${at ? ` at ${at}` : ''}: ${written(yUnit, y)}${ends}`;
  };
  const box = Object.assign(document.createElement('div'), { id: 'value', hidden: true });
  box.setAttribute('role', 'status');
  document.body.append(box);
  const middle = (point) => {
    const { left, top, width, height } = point.getBoundingClientRect();
    return [left + width / 2, top + height / 2];
  };
  const shown = (svg) => all('g.series g.point', svg).filter((point) => point.getBoundingClientRect().width > 0);
  const tell = (point) => {
    const [x, y] = middle(point);
    box.textContent = inWords(point);
    box.hidden = false;
    box.style.left = `${Math.max(4, Math.min(x + 12, innerWidth - box.offsetWidth - 8))}px`;
    box.style.top = `${Math.max(4, y - box.offsetHeight - 10)}px`;
  };
  const hide = () => { box.hidden = true; };
  for (const svg of figures) {
    if (!all('g.point', svg).length) continue;
    let current = -1;
    svg.tabIndex = 0;
    svg.addEventListener('pointermove', ({ clientX, clientY }) => {
      const near = shown(svg).map((point) => {
        const [x, y] = middle(point);
        return [Math.hypot(x - clientX, y - clientY), point];
      }).sort((a, b) => a[0] - b[0])[0];
      if (near && near[0] < 28) tell(near[1]); else hide();
    });
    svg.addEventListener('pointerleave', hide);
    svg.addEventListener('blur', hide);
    svg.addEventListener('keydown', (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const points = shown(svg);
      if (event.key === 'Escape') hide();
      if (!step || !points.length) return;
      event.preventDefault();
      current = (current + step + points.length) % points.length;
      tell(points[current]);
    });
  }
})();
