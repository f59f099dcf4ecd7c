"""An agent on asyncio: retrieval, a tool, model calls side by side; its session is a tree in Helicone.

HELICONE_TRACE_ENDPOINT=http://localhost:8585 python examples/asyncio_agent.py   # after: helicone-logging serve
"""

import asyncio
import logging

from helicone_logging import HeliconeHandler, bind, span

logger = logging.getLogger("agent")

PASSAGES = {"sso": "Single sign-on is part of the Team and Enterprise plans.", "trial": "A trial lasts 14 days."}


@span("answer question")
async def answer(question: str) -> str:
    """The path of each step below is that of the spans around it: /answer question/retrieve/search sso."""
    topics = (await call_model("plan", f"Which topics are in this question? {question}", "sso trial")).split()
    passages = await retrieve(topics)
    price = await look_up_price("Team")
    drafts = await asyncio.gather(
        call_model("draft briefly", f"{passages} {price}", "Team and Enterprise."),
        call_model("draft at length", f"{passages} {price}", "The Team plan has it, for 20 dollars a month."),
    )
    return max(drafts, key=len)


async def retrieve(topics: list[str]) -> list[str]:
    with span("retrieve", logger, operation="retrieval", prompt=" ".join(topics)) as work:
        found = await asyncio.gather(*(search(topic) for topic in topics))
        work.set(completion="\n".join(found), matches=len(found))
    return found


async def search(topic: str) -> str:
    async with span(f"search {topic}", logger, tool_name="search", prompt=topic) as work:
        await asyncio.sleep(0.02)
        work.set(completion=PASSAGES[topic])
    return PASSAGES[topic]


async def look_up_price(plan: str) -> str:
    with span("look up price", logger, tool_name="price_list", prompt=plan) as work:
        price = await asyncio.to_thread(lambda: f"{plan} costs 20 dollars a month.")
        work.set(completion=price)
    return price


async def call_model(name: str, prompt: str, reply: str) -> str:
    with span(name, logger, model="gpt-4o-mini", prompt=prompt) as call:
        await asyncio.sleep(0.03)  # a model would be called here
        call.set(completion=reply, prompt_tokens=len(prompt.split()), completion_tokens=len(reply.split()))
    return reply


async def main() -> None:
    with bind(user_id="ada", properties={"tenant": "acme"}):
        print(await answer("Which plans include single sign-on, and for how long is a trial?"))


if __name__ == "__main__":
    handler = HeliconeHandler(service_name="agent")
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO)
    asyncio.run(main())
    handler.close()
    print(handler.stats())
