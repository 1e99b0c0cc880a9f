-- What lua-cjson reads goes in as it is, and what comes out goes through it again.
local awork = require "awork"
local cjson = require "cjson"
local sandbox = require "awork.sandbox"

describe("lua-cjson", function()
  local server, client, id

  setup(function()
    server = assert(sandbox.start { users = 2 })
    client = assert(awork.client { token = server.token, base_url = server.url })
    id = server.user_ids[1]
  end)

  teardown(function()
    client:close()
    server:stop()
  end)

  it("has the same null", function()
    assert.equal(cjson.null, awork.null)
  end)

  it("decodes what is created, changed and cleared", function()
    local info = assert(client.contact_infos:create(id,
      cjson.decode '{"type":"phone","subType":"work","value":"+4930123456","label":null,"isAddress":false}'))
    assert.equal("+4930123456", info.value)
    info = assert(client.contact_infos:patch(id, info.id, cjson.decode '{"subType":"home","label":"Desk"}'))
    assert.same({ "home", "Desk" }, { info.subType, info.label })
    info = assert(client.contact_infos:patch(id, info.id, cjson.decode '{"label":null}'))
    assert.is_nil(info.label)
    local report = assert(client.contact_infos:create_many(cjson.decode(
      ('[{"user_id":"%s","info":{"type":"email","value":"a@b.de","subType":null}}]'):format(id))))
    assert.equal(1, report.created)
    assert.is_true((awork.validate(cjson.decode '{"type":"phone","value":"+49 30 1","city":null}')))
    local body, response = client:request("POST", "/users/" .. id .. "/contactinfo",
      { body = cjson.decode '{"type":"urls","value":"https://x.de","label":null}' })
    assert.equal(200, response.status)
    assert.equal("urls", body.type)
  end)

  it("encodes what comes out: contact infos, lists, users, errors, plans", function()
    local info = assert(client.contact_infos:create(id, { type = "phone", value = "+49 30 9" }))
    assert.equal(info.id, cjson.decode(cjson.encode(info)).id)
    local list = (assert(client.contact_infos:list(id)))
    assert.equal(#list, #cjson.decode(cjson.encode(list)))
    local user = cjson.decode(cjson.encode((assert(client.users:get(id)))))
    assert.equal(#list, #user.userContactInfos)
    local _, err = client.contact_infos:create(id, { type = "phon" })
    assert.equal("possible-values", cjson.decode(cjson.encode(err)).violations[1].rule)
    local plan = assert(client:plan { { user = id, contact_infos = { { type = "phone", value = "+49 30 10" } } } })
    assert.equal("create", cjson.decode(cjson.encode(plan.changes))[1].op)
  end)
end)
