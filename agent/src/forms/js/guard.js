// The submit guard and its recorder. Runs before any script of the page, in every frame, in the engine's own world:
// its listeners are the first on `window` in the capture phase and the page holds no reference to remove them by.
//
// Closed, it stops every submit event and every click on a control that would send the application, whoever made
// them. Opened by the agent with a deadline, it lets one click through; what the page itself does after that click
// (validate, then submit by script) is part of it, until a form really goes or the watch ends.
//
// `form.submit()` fires no event: a wrapper in the page's own world asks us first (guard-page.js). The submit event of a
// form in a shadow root stays in there: roots made by script ask from within, those written into the document are
// listened to as soon as the agent looks. A hostile page can
// still get around both (a native `submit` taken from a realm it made, a request of its own making), and can fake what
// the recorder counts; such a page needs no click to send what it was given. So the counts are evidence beside the
// browser's own network events, never instead of them.

const PROBE = 'valet-submit-asked';
const PROBE_EVENT = 'valet-submit-event-asked';
const gate = { until: 0, at: 0, watch: 0, clicked: false, gone: false, pass: null, seen: 0, blocked: 0, allowed: 0, late: 0, clicks: 0 };

// Whether the click comes in time, by both clocks: the first stands still while the machine is suspended.
const inTime = () => performance.now() <= gate.until && Date.now() <= gate.at;

const gateOpen = () => {
  if (gate.gone || !gate.until) return false;
  return gate.clicked ? performance.now() <= gate.watch : inTime();
};

const stop = (event) => { event.preventDefault(); event.stopImmediatePropagation(); };

function onSubmit(event) {
  gate.seen++;
  if (!gateOpen()) {
    if (gate.until && !gate.clicked) gate.late++;
    gate.blocked++;
    return stop(event);
  }
  gate.clicked = true;
  gate.allowed++;
  // Whether it really goes is known when every listener of the page has had its say.
  setTimeout(() => { if (!event.defaultPrevented) gate.gone = true; }, 0);
}

function onProbe(event) {
  event.stopImmediatePropagation();
  gate.seen++;
  if (!gateOpen()) { gate.blocked++; return; }
  gate.clicked = true;
  gate.allowed++;
  gate.gone = true;
  event.preventDefault(); // the wrapper takes this for "yes"
}

// A submit event that we might not see may go on where one that we see may; it is counted when it is seen.
function onProbeEvent(event) {
  event.stopImmediatePropagation();
  if (gateOpen()) return event.preventDefault();
  gate.seen++;
  gate.blocked++;
}

// Whether a click is one on the control that the agent would send with: it is guarded, whatever it looks like. One
// that the page has drawn anew is looked for.
function named(path) {
  if (controls.submit && !controls.submit.isConnected) findControls(collect());
  return Boolean(controls.submit) && path.includes(controls.submit);
}

function onClick(event) {
  const path = event.composedPath();
  const control = path.find((x) => x.nodeType === 1 && x.matches(PRESSABLE));
  if (!control || (control === gate.pass && (isLink(control) || control !== controls.submit))) return;
  if (!named(path) && !sends(control)) return;
  if (!gate.until || gate.clicked || !inTime()) {
    if (gate.until && !gate.clicked) gate.late++;
    gate.blocked++;
    return stop(event);
  }
  gate.clicked = true;
  gate.clicks++;
}

// Listeners are added again by every call: a page that writes its document anew removes them, and adding one that is
// there changes nothing.
function arm() {
  addEventListener('submit', onSubmit, true);
  addEventListener(PROBE, onProbe, true);
  addEventListener(PROBE_EVENT, onProbeEvent, true);
  addEventListener('click', onClick, true);
  return { armed: true };
}

// Open shadow roots, as they are found.
const guardRoot = (root) => root.addEventListener('submit', onSubmit, true);

// Opens the gate: the click must come within `ms`, what follows it within `watch` more.
// `at` is the same deadline by the wall clock: a script that waited in the queue of a busy page opens it no later, and a
// machine that slept meanwhile lets nothing through.
function openGate({ ms, watch, at }) {
  arm();
  const now = performance.now();
  ms = Math.min(ms, at - Date.now());
  Object.assign(gate, { until: now + ms, at, watch: now + ms + watch, clicked: false, gone: false, seen: 0, blocked: 0, allowed: 0, late: 0, clicks: 0 });
  return { open: ms > 0 };
}

function closeGate() {
  const report = { seen: gate.seen, blocked: gate.blocked, allowed: gate.allowed, clicks: gate.clicks, late: gate.late };
  gate.until = 0;
  gate.pass = null;
  arm();
  return report;
}

const gateReport = () => ({ seen: gate.seen, blocked: gate.blocked, allowed: gate.allowed, clicks: gate.clicks, late: gate.late });
