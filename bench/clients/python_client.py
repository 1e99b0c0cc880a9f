"""aiohttp or requests. Usage: python_client.py aiohttp|requests URL TOKEN COUNT CONCURRENCY"""
import sys

kind, url, token, count, width = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
headers = {"Authorization": "Bearer " + token}
info = {"type": "phone", "subType": "work", "value": "+49 30 23125 001"}

if kind == "requests":
    import requests

    with requests.Session() as session:
        for _ in range(count):
            assert session.post(url, json=info, headers=headers).json()["id"]
else:
    import asyncio

    import aiohttp

    async def main():
        left = iter(range(count))

        async def work(session):
            for _ in left:
                async with session.post(url, json=info, headers=headers) as answer:
                    assert (await answer.json())["id"]

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=width)) as session:
            await asyncio.gather(*(work(session) for _ in range(width)))

    asyncio.run(main())
