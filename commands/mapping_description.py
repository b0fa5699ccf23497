def described(*a): return ""
