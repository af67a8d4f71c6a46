//! What names and expressions stand for, and what a file exports.

use std::collections::BTreeMap;
use std::rc::Rc;

use oxc_ast::AstKind;
use oxc_ast::ast::{
    Argument, AssignmentTarget, BindingPattern, Class, ClassElement, Declaration, ExportDefaultDeclarationKind,
    Expression, IdentifierReference, MethodDefinitionKind, ModuleExportName, ObjectExpression, ObjectPropertyKind,
    Statement, TSModuleReference,
};
use oxc_semantic::{NodeId, SymbolId};

use super::facts::{DEPTH, Names, Reader, Value, WHOLE};

impl<'a> Reader<'a, '_> {
    /// What an expression stands for.
    pub(super) fn value(&self, expression: &'a Expression<'a>, depth: usize) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        match expression.get_inner_expression() {
            Expression::Identifier(it) => self.identifier(it, depth),
            Expression::StaticMemberExpression(it) => self.value(&it.object, depth)?.member(it.property.name.as_str()),
            Expression::ComputedMemberExpression(it) => {
                let value = self.value(&it.object, depth)?;
                let Names::Known(names) = self.names(&it.expression, depth) else { return None };
                value.member(&names.first()?.0)
            }
            Expression::ChainExpression(it) => {
                let member = it.expression.as_member_expression()?;
                self.value(member.object(), depth)?.member(member.static_property_name()?)
            }
            Expression::LogicalExpression(it) if it.operator.as_str() == "&&" => self.value(&it.right, depth),
            Expression::LogicalExpression(it) => self.value(&it.left, depth),
            Expression::ConditionalExpression(it) => {
                self.value(&it.consequent, depth).or_else(|| self.value(&it.alternate, depth))
            }
            Expression::AssignmentExpression(it) => self.value(&it.right, depth),
            Expression::AwaitExpression(it) => self.value(&it.argument, depth),
            Expression::ImportExpression(it) => match self.names(&it.source, depth) {
                Names::Known(names) => imported(&names.first()?.0, &[]),
                _ => None,
            },
            Expression::ArrowFunctionExpression(it) => self.function(it.node_id.get()),
            Expression::FunctionExpression(it) => self.function(it.node_id.get()),
            Expression::ClassExpression(it) => Some(self.class(it, depth)),
            Expression::ObjectExpression(it) => Some(self.object_value(it, depth)),
            Expression::NewExpression(it) => match self.value(&it.callee, depth)? {
                Value::Function(_) => None,
                value => Some(value),
            },
            Expression::ThisExpression(it) => {
                self.semantic.nodes().ancestors(it.node_id.get()).find_map(|it| match it.kind() {
                    AstKind::Class(class) => Some(self.class(class, depth)),
                    AstKind::ObjectExpression(object) => Some(self.object_value(object, depth)),
                    _ => None,
                })
            }
            Expression::CallExpression(call) => {
                let first = call.arguments.first().and_then(Argument::as_expression);
                if call.callee.is_specific_id("require") {
                    let Names::Known(names) = self.names(first?, depth) else { return None };
                    return imported(&names.first()?.0, &[]);
                }
                match call.callee.get_inner_expression() {
                    // What compilers of modules wrap imports in, and what changes nothing of an object.
                    Expression::StaticMemberExpression(it) if it.object.is_specific_id("Object") => {
                        (it.property.name == "freeze").then(|| self.value(first?, depth)).flatten()
                    }
                    Expression::Identifier(it)
                        if it.name.starts_with("__import") || it.name.starts_with("_interop") =>
                    {
                        self.value(first?, depth)
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    pub(super) fn function(&self, id: NodeId) -> Option<Value> {
        self.functions.get(&id).copied().map(Value::Function)
    }

    pub(super) fn identifier(&self, identifier: &IdentifierReference<'a>, depth: usize) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        let scoping = self.semantic.scoping();
        let Some(symbol) = scoping.get_reference(identifier.reference_id.get()?).symbol_id() else {
            return global(&identifier.name);
        };
        if let Some(known) = self.values.borrow().get(&symbol) {
            return known.clone();
        }
        // A value that names itself has none.
        self.values.borrow_mut().insert(symbol, None);
        let value = self.symbol(symbol, depth);
        // One that was not followed to its end may be another from elsewhere.
        if depth > DEPTH / 2 {
            self.values.borrow_mut().insert(symbol, value.clone());
        } else {
            self.values.borrow_mut().remove(&symbol);
        }
        value
    }

    fn symbol(&self, symbol: SymbolId, depth: usize) -> Option<Value> {
        if self.given.contains(&symbol) {
            return Some(Value::Environment);
        }
        let (nodes, scoping) = (self.semantic.nodes(), self.semantic.scoping());
        let declaration = scoping.symbol_declaration(symbol);
        match nodes.kind(declaration) {
            AstKind::VariableDeclarator(it) if !scoping.symbol_is_mutated(symbol) => {
                let value = self.value(it.init.as_ref()?, depth)?;
                let path = path_in(&it.id, symbol)?;
                path.iter().try_fold(value, |value, name| value.member(name))
            }
            AstKind::FormalParameter(it) if !scoping.symbol_is_mutated(symbol) => {
                let value = self.value(it.initializer.as_deref()?, depth)?;
                let path = path_in(&it.pattern, symbol)?;
                path.iter().try_fold(value, |value, name| value.member(name))
            }
            AstKind::Function(_) => self.function(declaration),
            AstKind::Class(it) => Some(self.class(it, depth)),
            AstKind::ImportSpecifier(it) => {
                let AstKind::ImportDeclaration(import) = nodes.parent_kind(declaration) else { return None };
                imported(&import.source.value, &[&it.imported.name()])
            }
            AstKind::ImportDefaultSpecifier(_) => {
                let AstKind::ImportDeclaration(import) = nodes.parent_kind(declaration) else { return None };
                imported(&import.source.value, &["default"])
            }
            AstKind::ImportNamespaceSpecifier(_) => {
                let AstKind::ImportDeclaration(import) = nodes.parent_kind(declaration) else { return None };
                imported(&import.source.value, &[])
            }
            AstKind::TSImportEqualsDeclaration(it) => match &it.module_reference {
                TSModuleReference::ExternalModuleReference(it) => imported(&it.expression.value, &[]),
                _ => None,
            },
            _ => None,
        }
    }

    /// What an object or a class holds, found out once. Of one that names itself, what is found first counts.
    fn remembered(&self, id: NodeId, find: impl FnOnce() -> BTreeMap<String, Value>) -> Value {
        if let Some(known) = self.members.borrow().get(&id) {
            return known.clone();
        }
        self.members.borrow_mut().insert(id, Value::of([]));
        let value = Value::Members(Rc::new(find()));
        self.members.borrow_mut().insert(id, value.clone());
        value
    }

    fn class(&self, class: &'a Class<'a>, depth: usize) -> Value {
        self.remembered(class.node_id.get(), || self.class_members(class, depth))
    }

    fn class_members(&self, class: &'a Class<'a>, depth: usize) -> BTreeMap<String, Value> {
        let mut members = BTreeMap::new();
        for element in &class.body.body {
            let (key, value) = match element {
                ClassElement::MethodDefinition(it) if it.kind == MethodDefinitionKind::Method => {
                    (&it.key, self.function(it.value.node_id.get()))
                }
                ClassElement::PropertyDefinition(it) => {
                    (&it.key, it.value.as_ref().and_then(|value| self.value(value, depth)))
                }
                _ => continue,
            };
            let name = key.static_name().map(|it| it.to_string()).or_else(|| Some(key.private_name()?.to_string()));
            members.extend(name.zip(value));
        }
        members.extend(self.function(class.node_id.get()).map(|it| ("constructor".to_owned(), it)));
        members
    }

    fn object_value(&self, object: &'a ObjectExpression<'a>, depth: usize) -> Value {
        self.remembered(object.node_id.get(), || self.object_members(object, depth))
    }

    fn object_members(&self, object: &'a ObjectExpression<'a>, depth: usize) -> BTreeMap<String, Value> {
        let mut members = BTreeMap::new();
        for property in &object.properties {
            match property {
                ObjectPropertyKind::ObjectProperty(it) => {
                    let name = it.key.static_name().map(|name| name.to_string());
                    members.extend(name.zip(self.value(&it.value, depth)));
                }
                ObjectPropertyKind::SpreadProperty(it) => {
                    if let Some(Value::Members(more)) = self.value(&it.argument, depth) {
                        members.extend(more.iter().map(|(name, value)| (name.clone(), value.clone())));
                    }
                }
            }
        }
        members
    }

    pub(super) fn exported(&mut self, statement: &'a Statement<'a>) {
        let name = |it: &ModuleExportName<'a>| it.name().to_string();
        match statement {
            Statement::ExportDeclaration(it) => match &it.declaration {
                Declaration::VariableDeclaration(it) => {
                    for declarator in &it.declarations {
                        for binding in declarator.id.get_binding_identifiers() {
                            let value = binding.symbol_id.get().and_then(|symbol| self.symbol(symbol, DEPTH));
                            self.facts.exports.extend(Some(binding.name.to_string()).zip(value));
                        }
                    }
                }
                Declaration::FunctionDeclaration(it) => {
                    let value = self.function(it.node_id.get());
                    self.facts.exports.extend(it.id.as_ref().map(|id| id.name.to_string()).zip(value));
                }
                Declaration::ClassDeclaration(it) => {
                    let value = self.class(it, DEPTH);
                    self.facts.exports.extend(it.id.as_ref().map(|id| (id.name.to_string(), value)));
                }
                _ => {}
            },
            Statement::ExportNamedDeclaration(it) => {
                for specifier in &it.specifiers {
                    if let ModuleExportName::IdentifierReference(local) = &specifier.local {
                        let value = self.identifier(local, DEPTH);
                        self.facts.exports.extend(Some(name(&specifier.exported)).zip(value));
                    }
                }
            }
            Statement::ExportFromDeclaration(it) => {
                for specifier in &it.specifiers {
                    let value = imported(&it.source.value, &[&specifier.local.name()]);
                    self.facts.exports.extend(Some(name(&specifier.exported)).zip(value));
                }
            }
            Statement::ExportAllDeclaration(it) => match &it.exported {
                Some(exported) => {
                    self.facts.exports.extend(Some(name(exported)).zip(imported(&it.source.value, &[])));
                }
                None => self.facts.stars.push(it.source.value.to_string()),
            },
            Statement::ExportDefaultDeclaration(it) => {
                let value = match &it.declaration {
                    ExportDefaultDeclarationKind::FunctionDeclaration(it) => self.function(it.node_id.get()),
                    ExportDefaultDeclarationKind::ClassDeclaration(it) => Some(self.class(it, DEPTH)),
                    other => other.as_expression().and_then(|it| self.value(it, DEPTH)),
                };
                self.facts.exports.extend(Some("default".to_owned()).zip(value));
            }
            Statement::TSExportAssignment(it) => {
                let value = self.value(&it.expression, DEPTH);
                self.facts.exports.extend(Some(WHOLE.to_owned()).zip(value));
            }
            _ => {}
        }
    }

    /// `module.exports = …`, `exports.name = …`.
    pub(super) fn assigned_export(&mut self, left: &'a AssignmentTarget<'a>, right: &'a Expression<'a>) {
        let Some(name) = self.export_name(left) else { return };
        let value = self.value(right, DEPTH);
        // Compilers first set every export to undefined.
        self.facts.exports.extend(Some(name).zip(value));
    }

    pub(super) fn export_name(&self, left: &'a AssignmentTarget<'a>) -> Option<String> {
        let AssignmentTarget::StaticMemberExpression(member) = left else { return None };
        let is_global = |it: &IdentifierReference<'a>, name: &str| {
            it.name == name
                && it
                    .reference_id
                    .get()
                    .is_some_and(|it| self.semantic.scoping().get_reference(it).symbol_id().is_none())
        };
        let name = member.property.name.to_string();
        match member.object.get_inner_expression() {
            Expression::Identifier(it) if is_global(it, "exports") => Some(name),
            Expression::Identifier(it) if is_global(it, "module") && name == "exports" => Some(WHOLE.to_owned()),
            Expression::StaticMemberExpression(inner) => match inner.object.get_inner_expression() {
                Expression::Identifier(it) if is_global(it, "module") && inner.property.name == "exports" => Some(name),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The names of the properties that lead to a symbol in a pattern.
pub(super) fn path_in(pattern: &BindingPattern<'_>, symbol: SymbolId) -> Option<Vec<String>> {
    match pattern {
        BindingPattern::BindingIdentifier(it) => (it.symbol_id.get() == Some(symbol)).then(Vec::new),
        BindingPattern::AssignmentPattern(it) => path_in(&it.left, symbol),
        BindingPattern::ObjectPattern(it) => it.properties.iter().find_map(|property| {
            let mut path = path_in(&property.value, symbol)?;
            path.insert(0, property.key.static_name()?.to_string());
            Some(path)
        }),
        BindingPattern::ArrayPattern(_) => None,
    }
}

fn imported(from: &str, path: &[&str]) -> Option<Value> {
    if let Some("process") = from.strip_prefix("node:").or(Some(from)) {
        let path = path.strip_prefix(&["default"]).unwrap_or(path);
        return path.iter().try_fold(global("process")?, |value, name| value.member(name));
    }
    Some(Value::Imported(from.into(), path.iter().map(|&name| name.to_owned()).collect()))
}

/// What runtimes hand out.
fn global(name: &str) -> Option<Value> {
    match name {
        "process" | "Bun" => Some(Value::of([("env", Value::Environment)])),
        "Deno" => {
            let environment = Value::of([("get", Value::Getter), ("has", Value::Getter)]);
            Some(Value::of([("env", environment)]))
        }
        "globalThis" | "global" => {
            let names = ["process", "Bun", "Deno"];
            Some(Value::of(names.into_iter().filter_map(|name| Some((name, global(name)?)))))
        }
        _ => None,
    }
}
