import { _ as setOutput, d as readAction, g as setFailed, h as saveState, i as start, u as renderSummary, v as setSecret, y as summary } from "./headgate.js";
// src/main.ts
const cancel = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => cancel.abort(new Error(`${signal} received`)));
try {
	const context = await readAction(process.env);
	saveState("started", "true");
	const { result, view, outputs, told } = await start(context, {
		write: (text) => process.stdout.write(text),
		github: true,
		color: true,
		cancel: cancel.signal,
		mask: (secret) => setSecret(secret),
		remember: (name, value) => saveState(name, value)
	});
	for (const [name, value] of Object.entries(outputs)) setOutput(name, value);
	await summary.addRaw(renderSummary(view), true).write();
	saveState("finished", told ? "true" : "untold");
	process.exitCode = result.outcome === "paused" ? 0 : result.exitCode;
	if (!told) process.stdout.write("", () => process.exit());
} catch (error) {
	setOutput("outcome", "failed");
	setFailed(error instanceof Error ? error : String(error));
}
export {};
