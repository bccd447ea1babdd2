/** `npm run emulator -- --kubeconfig FILE [--port N]`: the embedded cluster for kubectl and by hand. */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { RealClock } from './clock.ts'
import { Emulator } from './emulator.ts'

const { values } = parseArgs({
  options: { kubeconfig: { type: 'string' }, port: { type: 'string', default: '0' } },
})
const emulator = new Emulator({ clock: new RealClock(), realPods: true, requestDelay: [0, 0] })
const server = await emulator.listen(Number(values.port))
if (values.kubeconfig !== undefined) writeFileSync(values.kubeconfig, server.kubeconfig)
console.log(server.url)
process.on('SIGINT', () => void server.close().then(() => process.exit(0)))
process.on('SIGTERM', () => void server.close().then(() => process.exit(0)))
