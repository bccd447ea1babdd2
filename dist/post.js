import { c as readAction, d as notice, g as summary, h as setSecret, i as start, s as renderSummary, u as getState } from "./headgate.js";
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
