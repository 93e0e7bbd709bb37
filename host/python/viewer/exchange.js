// Questions to Python, and its answers.

/** One question of a kind is under way at a time; of those asked meanwhile the last alone is sent, so that a slow answer makes a drag
    coarser and never late. `take(answer, buffer)` receives the answers of a kind. */
class Exchange {
  constructor(model, takers) {
    Object.assign(this, { model, takers, underWay: new Map(), next: new Map() });
    this.listener = (answer, buffers) => this.receive(answer, buffers);
    model.on("msg:custom", this.listener);
  }
  ask(question) {
    if (this.underWay.has(question.type)) return void this.next.set(question.type, question);
    this.underWay.set(question.type, performance.now());
    this.model.send(question);
  }
  receive(answer, buffers) {
    const { type } = answer, asked = this.underWay.get(type);
    if (asked === undefined) return;
    this.underWay.delete(type);
    const next = this.next.get(type);
    this.next.delete(type);
    if (next) this.ask(next);
    this.takers[type]({ ...answer, waited: performance.now() - asked }, buffers?.[0] && bytesOfBuffer(buffers[0]));
  }
  close() { this.model.off("msg:custom", this.listener); }
}

/** A copy of a buffer of a message, aligned for any type of number. */
const bytesOfBuffer = (view) => (view instanceof ArrayBuffer ? view.slice(0) : view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));

/** Electrons of an image as numbers: NaN where nothing arrived. */
function electronsFrom(buffer) {
  const counts = new Uint32Array(buffer), electrons = new Float64Array(counts);
  for (let i = 0; i < counts.length; ++i) if (counts[i] === 0xffffffff) electrons[i] = NaN;
  return electrons;
}
