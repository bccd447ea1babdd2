import { _ as saveState, b as setSecret, d as tell, f as renderSummary, i as start, p as readAction, u as leave, v as setFailed, x as summary, y as setOutput } from "./headgate.js";
// src/main.ts
const cancel = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => cancel.abort(new Error(`${signal} received`)));
try {
	const context = await readAction(process.env);
	const remember = (name, value) => void tell("state", () => saveState(name, value));
	remember("started", "true");
	const { result, view, outputs, told } = await start(context, {
		write: (text) => process.stdout.write(text),
		github: true,
		color: true,
		cancel: cancel.signal,
		mask: (secret) => setSecret(secret),
		remember
	});
	process.exitCode = result.outcome === "paused" ? 0 : result.exitCode;
	for (const [name, value] of Object.entries(outputs)) await tell(`output ${name}`, () => setOutput(name, value));
	await tell("job summary", () => summary.addRaw(renderSummary(view), true).write());
	remember("finished", told ? "true" : "untold");
} catch (error) {
	await tell("output outcome", () => setOutput("outcome", "failed"));
	setFailed(error instanceof Error ? error : String(error));
}
leave();
export {};
