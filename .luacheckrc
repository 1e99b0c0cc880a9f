std = "lua54"
max_line_length = 120
files["spec"] = { std = "lua54+busted" }
files["examples/embed_people.lua"] = { ignore = { "111", "131" } }
files["examples/embed_config.lua"] = { ignore = { "111", "131" } }
files["bench/clients/wrk.lua"] = { globals = { "wrk" } }
files["types"] = { ignore = { ".*" } }
files["tools/gen-*.lua"] = { max_line_length = false }
exclude_files = { "build*/**", "lua_modules/**", ".luarocks/**", "node_modules/**", "prove/node_modules/**" }
