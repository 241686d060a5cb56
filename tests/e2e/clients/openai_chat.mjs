// The official OpenAI client for Node, unchanged: BASE_URL MODEL PROMPT. Prints what it got as JSON.
import OpenAI from "openai";

const [baseURL, model, prompt] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "sk-user-key", maxRetries: 0 });
const question = { model, messages: [{ role: "user", content: prompt }], temperature: 0, max_tokens: 24 };

const models = [];
for await (const each of client.models.list()) models.push(each.id);
const whole = await client.chat.completions.create(question);
let streamed = "";
for await (const chunk of await client.chat.completions.create({ ...question, stream: true })) {
  streamed += chunk.choices[0]?.delta?.content ?? "";
}
const refused = await client.chat.completions.create({ ...question, model: "no-such-model" })
  .then(() => null, (error) => ({ kind: error.constructor.name, status: error.status, code: error.code }));
console.log(JSON.stringify({ models, whole: whole.choices[0].message.content, streamed, refused }));
