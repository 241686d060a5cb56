// The official OpenAI client for Node, unchanged: BASE_URL MODEL TEXT TEXT. Prints what it got as JSON.
import OpenAI from "openai";

const [baseURL, model, ...input] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "sk-user-key", maxRetries: 0 });

const vectors = async (options) =>
  (await client.embeddings.create({ model, input, ...options })).data.map(({ embedding }) => Array.from(embedding));
const plain = await vectors({});  // base64 on the wire, as the client asks by itself
const floats = await vectors({ encoding_format: "float" });
const refused = await vectors({ dimensions: 7 })
  .then(() => null, (error) => ({ kind: error.constructor.name, status: error.status, param: error.param }));
console.log(JSON.stringify({ plain, floats, refused }));
