// Draws what two loops have noted down, as an animation. Without this script, the page has it as text.
"use strict";
{
  const SECONDS_PER_SECOND = 2.2;
  const byId = (id) => document.getElementById(id);
  const loops = JSON.parse(byId("spans").textContent);
  const end = Math.max(...loops.flatMap((loop) => loop.spans.map((span) => span.to)));
  const [play, time] = [byId("play"), byId("time")];
  const percent = (seconds) => `${(100 * seconds) / end}%`;

  const element = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text) made.textContent = text;
    return made;
  };

  // Each is called with the time that is shown.
  const parts = [];

  const figure = (loop) => {
    const [figure, caption, state] = [element("figure"), element("figcaption"), element("span")];
    caption.append(element("strong", "", loop.title[0].toUpperCase() + loop.title.slice(1)), state);
    figure.append(caption);
    const ended = (what, now) => loop.spans.filter((span) => span.what === what && span.to <= now).length;
    parts.push((now) => {
      state.textContent = `answers: ${ended("busy", now)}, closed by the server: ${ended("closed", now)}`;
    });
    loop.rows.forEach((name, number) => {
      const [row, track, cursor] = [element("div", "row"), element("div", "track"), element("div", "now")];
      row.append(element("span", "", name), track);
      row.setAttribute("aria-hidden", "true"); // The caption says what comes of it.
      for (const span of loop.spans.filter((span) => span.row === number)) track.append(drawn(span));
      parts.push((now) => { cursor.style.left = percent(now); });
      track.append(cursor);
      figure.append(row);
    });
    return figure;
  };

  const drawn = (span) => {
    const closed = span.what === "closed";
    const bar = element("div", closed ? "closed" : `span ${span.what}`, closed ? "✕" : "");
    bar.style.left = percent(span.from);
    parts.push((now) => {
      bar.hidden = now < span.from;
      if (!closed) bar.style.width = percent(Math.max(0, Math.min(now, span.to) - span.from));
    });
    return bar;
  };

  let now = end;
  let last; // When the last frame was, while it plays.
  const show = (at) => {
    now = Math.min(at, end);
    parts.forEach((part) => part(now));
    time.value = now;
    time.setAttribute("aria-valuetext", `second ${Math.floor(now)} of ${end}`);
    if (now === end) last = undefined;
    play.textContent = last !== undefined ? "Pause" : now === end ? "Play again" : "Play";
  };
  const frame = (at) => {
    if (last === undefined) return;
    const passed = (at - last) / 1000;
    last = at;
    show(now + passed * SECONDS_PER_SECOND);
    requestAnimationFrame(frame);
  };
  const start = () => {
    last = performance.now();
    show(now === end ? 0 : now);
    requestAnimationFrame(frame);
  };
  const pause = () => {
    last = undefined;
    show(now);
  };

  time.max = end;
  byId("loops").replaceChildren(...loops.map(figure));
  byId("player").hidden = byId("legend").hidden = false;
  play.addEventListener("click", () => (last === undefined ? start() : pause()));
  time.addEventListener("input", () => {
    last = undefined;
    show(Number(time.value));
  });
  show(end);

  // It starts by itself, once, where it is seen and nobody asked for less motion.
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) {
    const seen = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) {
        seen.disconnect();
        start();
      }
    }, { threshold: 0.6 });
    seen.observe(byId("loops"));
  }
}
