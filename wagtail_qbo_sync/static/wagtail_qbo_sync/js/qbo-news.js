/* Asks now and then whether a sync has changed what the page shows, and then says so, once.
   304 means: nothing new. No request is made from a hidden tab. */
window.wagtail.app.register(
  "qbo-news",
  class extends window.StimulusModule.Controller {
    static targets = ["news"];

    static values = { url: String, stamp: String, interval: Number };

    connect() {
      this.timer = setInterval(() => this.look(), this.intervalValue);
    }

    disconnect() {
      clearInterval(this.timer);
    }

    async look() {
      if (document.hidden) return;
      const response = await fetch(this.urlValue, {
        cache: "no-store",
        headers: { "If-None-Match": this.stampValue },
      }).catch(() => null);
      if (!response || response.status >= 500 || response.status === 304) return;
      this.disconnect();
      // Else the person was logged out, or may not see the client any more.
      if (response.ok && !response.redirected) this.newsTarget.hidden = false;
    }
  },
);
