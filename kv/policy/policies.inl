// Every policy: a line with the name that a user types and what it is. POLICY(name, needs the future, in one sentence);
// make_NAME in kv/policy/NAME.cpp makes it.
POLICY(fifo, false, "first come, first gone")
POLICY(lru, false, "least recently used first")
POLICY(lfu, false, "least often used first")
POLICY(lookahead, false, "what the scheduler's queue awaits goes last, else as lru (CachedAttention)")
POLICY(predictive, false, "what is least likely to return soon goes first, learned as it runs")
POLICY(belady, true, "what is used again latest goes first: told the future, the limit of what a policy can do")
