// Runs in the page's own world, before its scripts. `form.submit()` fires no event that could be stopped, and the submit
// event of a form in a shadow root does not leave it: so both, and `requestSubmit()`, ask the guard in the engine's
// world with an event of their own. No answer means no.
(() => {
  const proto = HTMLFormElement.prototype;
  const { submit: native, requestSubmit: request } = proto, attach = Element.prototype.attachShadow;
  const { dispatchEvent: dispatch, addEventListener: listen } = EventTarget.prototype;
  const { preventDefault: prevent, stopImmediatePropagation: halt } = Event.prototype;
  const apply = Reflect.apply, Asked = Event;
  const may = (el, name) => !apply(dispatch, el, [new Asked(name, { bubbles: true, cancelable: true, composed: true })]);
  const wrapped = {
    submit() {
      if (may(this, 'valet-submit-asked')) return apply(native, this, []);
    },
    requestSubmit(...by) {
      if (may(this, 'valet-submit-event-asked')) return apply(request, this, by);
    },
    attachShadow(...how) {
      const root = apply(attach, this, how);
      apply(listen, root, ['submit', (event) => {
        if (may(this, 'valet-submit-event-asked')) return;
        apply(prevent, event, []);
        apply(halt, event, []);
      }, true]);
      return root;
    },
  };
  for (const name of ['submit', 'requestSubmit']) Object.defineProperty(proto, name, { value: wrapped[name], writable: false, configurable: false, enumerable: true });
  // Libraries wrap this one themselves; what they call is ours.
  Object.defineProperty(Element.prototype, 'attachShadow', { value: wrapped.attachShadow, writable: true, configurable: true, enumerable: true });
})();
