"""The questions of the gallery: experiment, figure, and what it shows."""

QUESTIONS = [
    (
        "Where does the gradient vanish, and when does training mend it?",
        "gradient_flow_medium",
        "gradient_heat_map",
        "In the GRU and LSTM the gradient reaches the first step once they have learned; in the RNN it does not.",
    ),
    (
        "How does the recurrent gain decide how fast it vanishes?",
        "gradient_flow_medium",
        "decay_by_gain",
        "Before training a small gain makes it vanish in every cell; a large one makes it explode in the RNN alone.",
    ),
    (
        "What is the gradient at each step, before and after?",
        "gradient_flow_medium",
        "gradient_norms",
        "A straight line on this scale is a constant factor per step, as the theory of the linear RNN has it.",
    ),
    (
        "Who learns the adding problem, and how fast?",
        "adding_medium",
        "learning_curves",
        "GRU and LSTM solve it at every length, the GRU in fewer steps; the RNN stays at the baseline of long ones.",
    ),
    (
        "Up to which length?",
        "adding_medium",
        "horizon",
        "The RNN solves no length within the budget; one LSTM run of the longest fails.",
    ),
    (
        "What does a training step cost?",
        "adding_medium",
        "cost",
        "GRU and LSTM cost about the same per step, the RNN less; the GRU has fewer parameters than the LSTM.",
    ),
    (
        "How much does the learning rate matter?",
        "adding_medium",
        "learning_rate_sensitivity",
        "Each cell has its own best rate, so one rate for all would favour one of them.",
    ),
    (
        "Do cells that learned hold beyond the trained length?",
        "length_generalisation",
        "other_lengths",
        "What was learned of adding and copying fades from twice the trained length on; parity no cell learns.",
    ),
    (
        "Can they follow a state that every input changes?",
        "state_tracking",
        "other_lengths",
        "Where a run finds the rule it holds at ten times the trained length; elsewhere it falls towards guessing.",
    ),
    (
        "Does the comparison of Chung et al. (2014) hold?",
        "chung2014_jsb",
        "learning_curves",
        "The three cells end close together on JSB Chorales, as in the paper.",
    ),
    (
        "Is one width or one number of parameters the fair comparison?",
        "claims",
        "equal_budget",
        "On this task it does not matter: either way GRU and LSTM learn it and the RNN does not.",
    ),
]
