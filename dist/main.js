import { _ as summary, c as renderSummary, g as setSecret, h as setOutput, i as start, l as readAction, m as setFailed, p as saveState } from "./headgate.js";
// src/main.ts
const cancel = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => cancel.abort(new Error(`${signal} received`)));
try {
	const context = await readAction(process.env);
	saveState("started", "true");
	const { result, view, outputs } = await start(context, {
		write: (text) => process.stdout.write(text),
		github: true,
		color: true,
		cancel: cancel.signal,
		mask: (secret) => setSecret(secret),
		remember: (name, value) => saveState(name, value)
	});
	for (const [name, value] of Object.entries(outputs)) setOutput(name, value);
	await summary.addRaw(renderSummary(view), true).write();
	saveState("finished", "true");
	process.exitCode = result.outcome === "paused" ? 0 : result.exitCode;
} catch (error) {
	setOutput("outcome", "failed");
	setFailed(error instanceof Error ? error : String(error));
}
export {};
