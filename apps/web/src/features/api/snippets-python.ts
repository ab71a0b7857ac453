import type { Snippets } from './snippets.ts'

const head = (origin: string) => `import json, os, urllib.request

BASE = "${origin}/v1"
KEY = os.environ["STEWRD_API_KEY"]

def call(path, body):
    request = urllib.request.Request(
        BASE + path,
        data=json.dumps(body).encode(),
        headers={
            "Authorization": "Bearer " + KEY,
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=120) as response:
        return json.load(response)
`

export const python: Snippets = {
  run: ({ origin }) => `${head(origin)}
answer = call("/agent", {"message": "Say hello", "stream": False})
print(answer["message"])`,
  stream: ({ origin }) => `import json, os, urllib.request

request = urllib.request.Request(
    "${origin}/v1/agent",
    data=json.dumps({"message": "Say hello", "stream": True}).encode(),
    headers={
        "Authorization": "Bearer " + os.environ["STEWRD_API_KEY"],
        "Content-Type": "application/json",
    },
)
with urllib.request.urlopen(request, timeout=120) as response:
    event = None
    for line in response:
        name, _, value = line.decode().rstrip("\\n").partition(": ")
        if name == "event":
            event = value
        elif name == "data" and event == "token":
            print(json.loads(value)["text"], end="", flush=True)
        elif name == "data" and event == "error":
            raise RuntimeError(json.loads(value)["message"])`,
  session: ({ origin }) => `${head(origin)}
session = call("/sessions", {})

def say(message):
    path = f"/sessions/{session['id']}/messages"
    return call(path, {"message": message, "stream": False})

say("My name is Ada.")
print(say("What is my name?")["message"])`,
  tools: ({ origin }) => `${head(origin)}
weather = {
    "name": "weather",
    "description": "The weather of a city, now.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}

answer = call("/agent", {
    "message": "What is the weather in Rome?",
    "tools": [weather],
})
while answer["status"] == "requires_tool_outputs":
    outputs = [
        {
            "tool_call_id": tool["id"],
            "output": "Sunny, 24 degrees in " + tool["arguments"]["city"],
        }
        for tool in answer["tool_calls"]
    ]
    path = f"/agent/{answer['id']}/tool-outputs"
    answer = call(path, {"tool_outputs": outputs})
print(answer["message"])`,
  files: ({ origin }) => `import base64
${head(origin)}
with open("report.pdf", "rb") as file:
    content = base64.b64encode(file.read()).decode()

answer = call("/agent", {
    "message": "Sum it up.",
    "files": [{"name": "report.pdf", "content_base64": content}],
    "stream": False,
})
print(answer["message"])
for made in answer["files"]:
    print(made["name"], made.get("url") or made.get("content"))`,
  openai: ({ origin, model }) => `import os
from openai import OpenAI

client = OpenAI(
    base_url="${origin}/v1",
    api_key=os.environ["STEWRD_API_KEY"],
)
completion = client.chat.completions.create(
    model="${model}",
    messages=[{"role": "user", "content": "Say hello"}],
)
print(completion.choices[0].message.content)`,
}
