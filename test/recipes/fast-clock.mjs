// Loaded before the action by `node --import`: its time, and that of the cluster it meets, runs faster than ours. So the
// waits of a recipe are waited as they are written, in seconds.
const [factor, realStart, start] = (process.env.HEADGATE_TEST_CLOCK ?? '').split(' ').map(Number)
const { setTimeout: laterReal, setInterval: everyReal, Date: RealDate } = globalThis

class FastDate extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(FastDate.now())
    else super(...args)
  }
  static now() {
    return Math.round(start + (RealDate.now() - realStart) * factor)
  }
}
globalThis.Date = FastDate
globalThis.setTimeout = Object.assign((fn, ms = 0, ...args) => laterReal(fn, ms / factor, ...args), laterReal)
globalThis.setInterval = (fn, ms = 0, ...args) => everyReal(fn, ms / factor, ...args)
