'use strict';
// Servers in simulated time, step by step as `model::simulate::Machine` has them; a test hands both the
// same requests. Times are in nanoseconds.
const Model = (() => {
  // What comes first comes out first; of equal times, what went in first.
  class Heap {
    constructor() { this.all = []; }
    get size() { return this.all.length; }
    get first() { return this.all[0]; }
    push(at, number, what) {
      const all = this.all, one = { at, number, what };
      let place = all.length;
      while (place > 0) {
        const above = (place - 1) >> 1;
        if (!earlier(one, all[above])) break;
        all[place] = all[above];
        place = above;
      }
      all[place] = one;
    }
    pop() {
      const all = this.all, top = all[0], last = all.pop();
      if (!all.length) return top;
      let place = 0;
      for (;;) {
        let below = 2 * place + 1;
        if (below >= all.length) break;
        if (below + 1 < all.length && earlier(all[below + 1], all[below])) below++;
        if (!earlier(all[below], last)) break;
        all[place] = all[below];
        place = below;
      }
      all[place] = last;
      return top;
    }
  }
  const earlier = (a, b) => a.at < b.at || (a.at === b.at && a.number < b.number);

  class Line {
    constructor() { this.all = []; this.head = 0; }
    get size() { return this.all.length - this.head; }
    push(one) { this.all.push(one); }
    shift() {
      if (!this.size) return undefined;
      const one = this.all[this.head++];
      if (this.head > 1024) { this.all.splice(0, this.head); this.head = 0; }
      return one;
    }
  }

  // Threads share the cores evenly (processor sharing in virtual time).
  class Cores {
    constructor(count) { this.count = count; this.virtual = 0; this.at = 0; this.ends = new Heap(); this.entries = 0; }
    speed() { return this.ends.size <= this.count ? 1 : this.count / this.ends.size; }
    begin(now, demand, what) {
      this.virtual += (now - this.at) * this.speed();
      this.at = now;
      this.ends.push(this.virtual + demand, ++this.entries, what);
    }
    next() {
      if (!this.ends.size) return Infinity;
      return this.at + Math.max(0, this.ends.first.at - this.virtual) / this.speed();
    }
    end(now) {
      const one = this.ends.pop();
      this.virtual = this.ends.size ? one.at : 0;
      this.at = now;
      return one.what;
    }
  }

  // A station is { kind: 'workers', count, shares } (shares: a wait frees the worker),
  // { kind: 'on-demand', limit } or { kind: 'delayed', limit, patience }. A job is { at, compute, wait }; its
  // phase tells where it is.
  class Machine {
    constructor(station, costs, cores) {
      Object.assign(this, { station, costs, now: 0, entries: 0, computed: 0, lost: 0 });
      this.cores = new Cores(cores);
      this.timers = new Heap();
      this.line = new Line();
      this.idle = station.kind === 'workers' ? station.count : 0;
      this.workers = station.kind === 'delayed' ? 1 : 0;
      this.masterIsBusy = false;
      this.port = 'free';
      this.jobs = new Set();
      this.done = [];
    }
    next() { return Math.min(this.timers.size ? this.timers.first.at : Infinity, this.cores.next()); }
    advance(until) {
      for (let next = this.next(); next <= until; next = this.next()) {
        this.now = Math.max(this.now, next);
        if (this.timers.size && this.timers.first.at <= next) this.happen(this.timers.pop().what);
        else this.computedOne(this.cores.end(next));
      }
      this.now = Math.max(this.now, until);
    }
    arrive(job) {
      this.now = Math.max(this.now, job.at);
      this.jobs.add(job);
      job.phase = 'queue';
      if (this.station.kind === 'workers' && this.idle > 0) {
        this.idle--;
        this.begin(job, true);
      } else {
        this.line.push(job);
        if (this.station.kind !== 'workers') this.serveTheLine(true);
      }
    }
    serveTheLine(wasIdle) {
      const { kind, limit, patience } = this.station;
      if (kind === 'on-demand') {
        while (!this.masterIsBusy && this.workers < limit) {
          const job = this.line.shift();
          if (!job) return;
          this.workers++;
          if (this.costs.creation > 0) {
            this.masterIsBusy = true;
            this.compute(this.costs.creation, { step: 'create', job, wasIdle });
            job.phase = 'create';
          } else this.created(job, wasIdle);
        }
      } else if (kind === 'delayed' && this.port === 'free' && this.line.size) {
        const job = this.line.shift();
        job.turn = this.port = ++this.entries;
        this.timer(patience, { event: 'patience', turn: job.turn });
        this.begin(job, wasIdle);
      }
    }
    begin(job, wasIdle) {
      if (wasIdle && this.costs.wakeup > 0) {
        job.phase = 'wake';
        this.timer(this.costs.wakeup, { event: 'woken', job });
      } else this.process(job);
    }
    process(job) {
      job.phase = 'compute';
      const handover = this.station.kind === 'workers' ? this.costs.handover : 0;
      this.compute(this.costs.request + handover + job.compute, { step: 'process', job });
    }
    compute(demand, what) { this.computed += demand; this.cores.begin(this.now, demand, what); }
    timer(after, what) { this.timers.push(this.now + after, ++this.entries, what); }
    computedOne({ step, job, wasIdle }) {
      if (step === 'create') {
        this.masterIsBusy = false;
        this.created(job, wasIdle);
        this.serveTheLine(false);
      } else if (step === 'receiver') {
        this.timer(this.costs.start, { event: 'receiver' });
      } else if (step === 'resume') {
        this.answer(job);
      } else {
        if (this.station.shares) this.release();
        if (job.wait > 0) {
          job.phase = 'wait';
          this.timer(Math.max(0, job.wait - this.costs.resume), { event: 'waited', job });
        } else this.answer(job);
      }
    }
    created(job, wasIdle) {
      const after = (wasIdle ? this.costs.wakeup : 0) + this.costs.start;
      if (after > 0) {
        job.phase = 'start';
        this.timer(after, { event: 'started', job });
      } else this.begin(job, false);
    }
    happen({ event, job, turn }) {
      if (event === 'started') this.begin(job, false);
      else if (event === 'woken') this.process(job);
      else if (event === 'receiver') { this.port = 'free'; this.serveTheLine(false); }
      else if (event === 'patience') { if (this.port === turn) this.createReceiver(); }
      else if (event === 'left') this.leave(job);
      else if (this.costs.resume > 0) {
        job.phase = 'resume';
        this.compute(this.costs.resume, { step: 'resume', job });
      } else this.answer(job);
    }
    createReceiver() {
      if (this.workers >= this.station.limit) { this.port = 'lacking'; return; }
      this.workers++;
      this.port = 'created';
      this.compute(this.costs.creation, { step: 'receiver' });
    }
    answer(job) {
      this.done.push(job);
      job.took = this.now - job.at;
      if (this.costs.linger > 0) {
        job.phase = 'linger';
        this.timer(this.costs.linger, { event: 'left', job });
      } else this.leave(job);
    }
    leave(job) {
      this.jobs.delete(job);
      const { kind, shares } = this.station;
      if (kind === 'workers') { if (!shares) this.release(); return; }
      if (kind === 'delayed' && this.port === job.turn) this.port = 'free';
      else {
        this.workers--;
        if (kind === 'delayed') { if (this.port === 'lacking') this.createReceiver(); return; }
      }
      this.serveTheLine(false);
    }
    release() {
      const job = this.line.shift();
      if (job) this.begin(job, false);
      else this.idle++;
    }
  }

  // The response times of jobs that come one after the other, in the order in which they came.
  function follow(station, costs, cores, jobs) {
    const machine = new Machine(station, costs, cores);
    for (const job of jobs) { machine.advance(job.at); machine.arrive(job); }
    for (let next = machine.next(); next < Infinity; next = machine.next()) machine.advance(next);
    return jobs.map((job) => job.took);
  }

  // Uniform numbers in (0, 1), the same for a seed everywhere (mulberry32).
  function chance(seed) {
    return () => {
      seed = (seed + 0x6d2b79f5) | 0;
      let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4294967296;
    };
  }

  // Requests without end: Poisson arrivals; what each asks for varies by one lognormal factor of mean 1.
  function* stream(seed, settings) {
    const random = chance(seed), gap = 1e9 / settings.rate;
    const deviation = Math.sqrt(Math.log(1 + settings.variation));
    for (let at = 0; ;) {
      at -= Math.log(random()) * gap;
      const normal = Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
      const factor = deviation > 0 ? Math.exp(deviation * normal - deviation * deviation / 2) : 1;
      yield { at, compute: settings.compute * factor, wait: settings.wait * factor, factor };
    }
  }

  return { Machine, follow, stream };
})();
