/* Fetches its own HTML again while the server says that something is under way, and renews
   the parts that have changed. It stops when the interval (milliseconds) is 0, and makes no
   request from a hidden tab. */
window.wagtail.app.register(
  "qbo-poll",
  class extends window.StimulusModule.Controller {
    static targets = ["part"];

    static values = { url: String, interval: Number };

    initialize() {
      this.shown = new WeakMap();
    }

    partTargetConnected(part) {
      this.shown.set(part, part.innerHTML);
    }

    connect() {
      this.wait();
    }

    disconnect() {
      clearTimeout(this.timer);
    }

    wait() {
      clearTimeout(this.timer);
      if (!this.intervalValue || !this.element.isConnected) return;
      this.timer = setTimeout(() => this.look().finally(() => this.wait()), this.intervalValue);
    }

    async look() {
      if (document.hidden) return;
      const response = await fetch(this.urlValue).catch(() => null);
      if (!response || response.status >= 500) return; // down for a moment
      if (!response.ok || response.redirected) {
        this.intervalValue = 0; // logged out
        return;
      }
      const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
      this.partTargets.forEach((part) => {
        const other = fresh.getElementById(part.id);
        if (other && other.innerHTML !== this.shown.get(part)) {
          this.shown.set(part, other.innerHTML);
          part.replaceChildren(...other.childNodes);
        }
      });
      this.intervalValue = Number(
        fresh.getElementById(this.element.id)?.dataset.qboPollIntervalValue ?? 0,
      );
    }
  },
);
