// Runs in the page's own world, before its scripts: `form.submit()` fires no event that could be stopped, so it asks
// the guard in the engine's world with an event of its own. No answer means no.
(() => {
  const proto = HTMLFormElement.prototype;
  const native = proto.submit, dispatch = EventTarget.prototype.dispatchEvent, apply = Reflect.apply, Asked = Event;
  const wrapped = {
    submit() {
      const asked = new Asked('valet-submit-asked', { bubbles: true, cancelable: true, composed: true });
      if (!apply(dispatch, this, [asked])) return apply(native, this, []);
    },
  };
  Object.defineProperty(proto, 'submit', { value: wrapped.submit, writable: false, configurable: false, enumerable: true });
})();
