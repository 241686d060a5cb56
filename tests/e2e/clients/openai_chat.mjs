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

const tools = [{ type: "function", function: { name: "get_weather", parameters: {
  type: "object", properties: { city: { type: "string", maxLength: 20 } }, required: ["city"],
  additionalProperties: false } } }];
const calling = { ...question, tools, tool_choice: "required", parallel_tool_calls: false, max_tokens: 96 };
const called = (await client.chat.completions.create(calling)).choices[0].message;
const calledInPieces = (await client.chat.completions.stream(calling).finalChatCompletion()).choices[0].message;
const results = called.tool_calls.map(({ id }) => ({ role: "tool", tool_call_id: id, content: "4 degrees, rain" }));
const answered = await client.chat.completions.create(
  { ...question, tools, tool_choice: "none", messages: [...question.messages, called, ...results] });
const calls = (message) => message.tool_calls.map(({ function: { name, arguments: text } }) => [name, JSON.parse(text)]);

const refused = await client.chat.completions.create({ ...question, model: "no-such-model" })
  .then(() => null, (error) => ({ kind: error.constructor.name, status: error.status, code: error.code }));
console.log(JSON.stringify({ models, whole: whole.choices[0].message.content, streamed,
  tools: { whole: calls(called), streamed: calls(calledInPieces), answered: answered.choices[0].message.content },
  refused }));
