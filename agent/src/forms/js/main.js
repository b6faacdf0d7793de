// The way in: the agent calls `globalThis.__valet(name, argument)` in the engine's own world of a frame.

const calls = { observe, glance, prepare, pointAt, selectActive, awaitChosen, setNative, choices, choicePoint, press, awaitValue, read, awaitFile, leave, clearText, removeChip, beforeOpen, awaitOptions, optionPoint, closeList, listSearch, controlPoint, pressControl, cookieButton, arm, openGate, closeGate, gateReport };

globalThis.__valet = async (name, argument) => {
  lookForRoots();
  return JSON.stringify((await calls[name](argument ?? {})) ?? null);
};
globalThis.__valetFile = fileBox;
// Where a child frame's page begins inside this one's viewport.
globalThis.__valetFrame = (frame) => {
  const box = frame.getBoundingClientRect();
  return JSON.stringify({ x: box.left + frame.clientLeft, y: box.top + frame.clientTop, shown: visible(frame, 4) });
};
arm();
// Roots that the parser makes are there when the document is; a form in one can hold nothing of ours before.
addEventListener('DOMContentLoaded', () => lookForRoots(), true);
