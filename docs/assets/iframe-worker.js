// Lets the search run where the site is opened from the disk, for which browsers start no Worker.
//
// A hidden frame takes the Worker's place: its window loads the script of the Worker, and has the two functions of a
// Worker's global scope that a search needs, `postMessage` and `importScripts`.
"use strict";

class FrameWorker extends EventTarget {
  #frame = document.createElement("iframe");
  #loaded;

  constructor(address) {
    super();
    this.#frame.hidden = true;
    document.body.append(this.#frame);
    const scope = this.#frame.contentWindow;
    scope.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
    scope.importScripts = (...addresses) =>
      addresses.reduce((before, each) => before.then(() => load(scope, each)), Promise.resolve());
    this.#loaded = load(scope, address);
  }

  postMessage(data) {
    const scope = this.#frame.contentWindow;
    this.#loaded.then(() => scope.dispatchEvent(new scope.MessageEvent("message", { data })));
  }

  terminate() {
    this.#frame.remove();
  }
}

function load(scope, address) {
  return new Promise((resolve, reject) => {
    const script = scope.document.createElement("script");
    script.src = address;
    script.onload = resolve;
    script.onerror = reject;
    scope.document.body.append(script);
  });
}

if (location.protocol === "file:") {
  window.Worker = FrameWorker;
}
