/** What is white on it is the mask; the picture below shows through. Pixels, no words. */

import { h, set } from "./dom.mjs";

const LARGEST = 1024; // pixels a side of a mask picture
const SHADE = "rgba(255, 255, 255, 1)";

export class MaskCanvas {
  /** @param {() => void} changed */
  constructor(changed) {
    Object.assign(this, { changed, erasing: false, percent: 12, from: null });
    this.canvas = h("canvas", { class: "live-lora-mask-drawn", width: 512, height: 512 });
    this.under = h("img", { alt: "", class: "live-lora-mask-under", hidden: true });
    this.element = h("div", { class: "live-lora-mask-place" }, this.under, this.canvas);
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"])
      canvas.addEventListener(end, () => (this.from = null));
  }

  get context() {
    return this.canvas.getContext("2d");
  }

  /** @param {HTMLImageElement | null} picture @param {[number, number]} size without one */
  begin(picture, [width, height]) {
    const wide = picture?.naturalWidth ?? width;
    const tall = picture?.naturalHeight ?? height;
    const scale = Math.min(1, LARGEST / Math.max(wide, tall));
    this.canvas.width = Math.round(wide * scale);
    this.canvas.height = Math.round(tall * scale);
    set(this.under, "src", picture?.src ?? null);
    this.under.hidden = !picture;
  }

  /** A mask picture in place of what is drawn; nothing where there is none. */
  async load(source) {
    const image = new Image();
    image.src = source;
    const there = await image.decode().then(
      () => true,
      () => false,
    );
    if (!there) return;
    const { context, canvas } = this;
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    this.each((data, at) => (data[at + 3] = (data[at] * data[at + 3]) / 255));
  }

  thick(percent) {
    if (percent > 0) this.percent = percent;
  }

  down(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    this.from = this.at(event);
    this.stroke(this.from, this.from);
  }

  move(event) {
    if (!this.from) return;
    const to = this.at(event);
    this.stroke(this.from, to);
    this.from = to;
  }

  at({ clientX, clientY }) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    const { width: wide, height: tall } = this.canvas;
    return [((clientX - left) * wide) / width, ((clientY - top) * tall) / height];
  }

  stroke([x0, y0], [x1, y1]) {
    this.with(this.erasing, (context) => {
      context.lineCap = "round";
      context.lineWidth = (Math.min(this.canvas.width, this.canvas.height) * this.percent) / 100;
      context.strokeStyle = SHADE;
      context.beginPath();
      context.moveTo(x0, y0);
      context.lineTo(x1, y1 + 0.01);
      context.stroke();
    });
  }

  /** A box, in fractions of the picture. */
  fill(left, top, right, bottom, erasing) {
    const { width, height } = this.canvas;
    this.with(erasing, (context) => {
      context.fillStyle = SHADE;
      context.fillRect(left * width, top * height, (right - left) * width, (bottom - top) * height);
    });
  }

  clear() {
    this.fill(0, 0, 1, 1, true);
  }

  invert() {
    this.each((data, at) => {
      data[at] = data[at + 1] = data[at + 2] = 255;
      data[at + 3] = 255 - data[at + 3];
    });
  }

  with(erasing, draw) {
    const { context } = this;
    context.globalCompositeOperation = erasing ? "destination-out" : "source-over";
    draw(context);
    context.globalCompositeOperation = "source-over";
    this.changed();
  }

  each(change) {
    const { context, canvas } = this;
    const image = context.getImageData(0, 0, canvas.width, canvas.height);
    for (let at = 0; at < image.data.length; at += 4) change(image.data, at);
    context.putImageData(image, 0, 0);
    this.changed();
  }

  /** White on black, as PNG. @returns {Promise<Blob>} */
  picture() {
    const { canvas } = this;
    const whole = h("canvas", { width: canvas.width, height: canvas.height });
    const context = whole.getContext("2d");
    context.fillRect(0, 0, whole.width, whole.height);
    context.drawImage(canvas, 0, 0);
    return new Promise((done) => whole.toBlob(done, "image/png"));
  }
}
