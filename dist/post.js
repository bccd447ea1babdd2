import { _ as summary, c as renderSummary, d as getState, f as notice, g as setSecret, i as start, l as readAction } from "./headgate.js";
// src/post.ts
try {
	if (getState("started") === "true" && getState("finished") !== "true") {
		const context = await readAction(process.env);
		const target = JSON.parse(getState("target") || "{}");
		const raw = {
			...context.raw,
			command: "status",
			...target
		};
		const { view } = await start({
			...context,
			raw
		}, {
			write: (text) => process.stdout.write(text),
			github: true,
			color: true,
			cancel: new AbortController().signal,
			mask: (secret) => setSecret(secret),
			remember: () => {}
		});
		await summary.addRaw(renderSummary(view), true).write();
	}
} catch (error) {
	notice(`The report could not be completed: ${error instanceof Error ? error.message : String(error)}`);
}
export {};
