"""What departments lay on the grassroots: loads, breaches of written rules, and signs to watch.

Three kinds of result that are never mixed: a load says how much, a breach says that a written rule was
broken, and a watch is a statistical sign that people check and that changes no score. The subject is always
the organisation that imposed something or that keeps the register, never a village or community.
"""
